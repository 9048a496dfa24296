"""A person is erased while a message to them is under way: whatever comes later, nothing personal is written down again."""

from datetime import UTC, datetime, timedelta

from django.db import connection

from agency.models import IdempotencyRecord
from agency.operations.idempotency import keep_answer
from integrations.events import EventKind, MessageEvent, ReceivedEvent
from messaging.inbound import receive_events
from messaging.models import Contact, DeliveryEvent, MessageReference, Recipient
from messaging.operations.claiming import claim_chunk
from messaging.operations.contacts import erase_contact
from messaging.operations.recording import Outcome, Reference, record_outcomes
from messaging.selectors.plans import job_plan
from messaging.states import RecipientState

from .conftest import ACTOR, World

WAMID = "wamid.HBgNNTUxMTk4NzY1NDMyMRUC"


def status(world: World, name: str, kind: EventKind, reference: int) -> ReceivedEvent:
    """What WhatsApp tells of the message."""
    now = datetime.now(UTC)
    event = MessageEvent(
        kind=kind,
        occurred_at=now,
        provider_event_id=f"{WAMID}:{name}",
        provider_message_id=WAMID,
        reference=str(reference),
        address="+5511987654321",
        own_address="100000000000001",
    )
    return ReceivedEvent(1, now, "whatsapp_cloud", world.connection.pk, event)


def everything_kept() -> str:
    """All that the tables of sending hold, as text."""
    kept = ""
    with connection.cursor() as cursor:
        for table in (
            "messaging_recipient",
            "messaging_deliveryevent",
            "messaging_messagereference",
            "messaging_message",
            "messaging_sendjob",
            "agency_idempotencyrecord",
        ):
            cursor.execute(f"SELECT string_agg(t::text, ' ') FROM {table} t")
            kept += f"{cursor.fetchone()[0]} "
    return kept


def in_hand(world: World, contact: Contact) -> tuple[int, int]:
    """(lease, recipient) of a message to the person that a process has in hand."""
    job = world.job([contact])
    chunk = claim_chunk(plan=job_plan(job.pk), grants={world.senders[0].pk: 1}, now=datetime.now(UTC))
    assert chunk.rows[0].rendered.values["contact.first_name"] == "Zuleica"
    return chunk.lease, chunk.rows[0].recipient_id


def test_a_message_in_hand_leaves_nothing_of_the_person_when_it_is_recorded(world: World) -> None:
    (person,) = world.people(1, name="Zuleica")
    lease, recipient_id = in_hand(world, person)
    receive_events([status(world, "sent", EventKind.SENT, recipient_id)])
    assert WAMID in everything_kept()
    erase_contact(contact_id=person.pk, actor=ACTOR, why="asked for it")
    outcome = Outcome(
        recipient_id,
        RecipientState.SENT,
        provider_id=WAMID,
        sent_at=datetime.now(UTC),
        values={"contact.first_name": "Zuleica"},
    )
    reference = Reference(world.connection.pk, WAMID, recipient_id)
    assert record_outcomes(lease=lease, outcomes=[outcome], references=[reference]) == 1
    receive_events([status(world, "delivered", EventKind.DELIVERED, recipient_id)] * 2)
    row = Recipient.objects.get(pk=recipient_id)
    assert (row.state, row.variables, row.provider_id) == (RecipientState.DELIVERED, {}, None)
    assert DeliveryEvent.objects.filter(recipient_id=recipient_id).count() == 2
    kept = everything_kept()
    assert [word for word in ("Zuleica", WAMID, "5511987654321") if word in kept] == []


def test_a_lost_message_found_after_the_erasure_leaves_nothing_either(world: World) -> None:
    (person,) = world.people(1, name="Zuleica")
    lease, recipient_id = in_hand(world, person)
    erase_contact(contact_id=person.pk, actor=ACTOR, why="asked for it")
    Recipient.objects.filter(pk=recipient_id).update(state=RecipientState.UNKNOWN)
    late = Outcome(
        recipient_id,
        RecipientState.SENT,
        provider_id=WAMID,
        sent_at=datetime.now(UTC),
        values={"contact.first_name": "Zuleica"},
    )
    assert record_outcomes(lease=lease, outcomes=[late]) == 1
    row = Recipient.objects.get(pk=recipient_id)
    assert (row.state, row.variables, row.provider_id) == (RecipientState.SENT, {}, None)


def test_what_was_sent_long_ago_loses_the_providers_ids(world: World) -> None:
    (person, other) = world.people(1, name="Zuleica")[0], world.people(1)[0]
    job = world.job([person, other])
    world.send(job)
    rows = {row.contact_id: row for row in Recipient.objects.filter(job=job)}
    for row in rows.values():
        assert row.provider_id and row.sent_at
        DeliveryEvent.objects.create(
            received_on=(row.sent_at + timedelta(days=2)).date(),
            connection_id=world.connection.pk,
            provider_event_id=f"{row.provider_id}:read",
            provider_message_id=row.provider_id,
            job_id=job.pk,
            recipient_id=row.pk,
            state=RecipientState.READ,
            occurred_at=row.sent_at,
        )
        MessageReference.objects.create(
            sent_on=row.sent_at.date(),
            connection_id=world.connection.pk,
            provider_message_id=row.provider_id,
            recipient_id=row.pk,
        )
    erase_contact(contact_id=person.pk, actor=ACTOR, why="asked for it")
    kept = everything_kept()
    assert "Zuleica" not in kept
    assert str(rows[person.pk].provider_id) not in kept
    assert kept.count(str(rows[other.pk].provider_id)) == 4  # the row, the event's two ids, the reference
    assert DeliveryEvent.objects.count() == 2


def test_kept_answers_of_the_api_lose_the_address_and_the_words(world: World) -> None:
    (person, other) = world.people(2)
    for number, contact in enumerate((person, other)):
        body = {"id": number, "contact": contact.pk, "address": "+5511987654321", "text": "Seu exame", "state": "sent"}
        keep_answer(user_id=1, key=f"k{number}", digest="d", status=202, body=body)
    erase_contact(contact_id=person.pk, actor=ACTOR, why="asked for it")
    first, second = IdempotencyRecord.objects.order_by("key")
    assert first.body == {"id": 0, "contact": person.pk, "address": "", "text": "", "state": "sent"}
    assert second.body is not None and second.body["address"] == "+5511987654321"


def test_a_wish_to_stop_that_speaks_of_no_message_is_not_kept_as_a_status(world: World) -> None:
    (person,) = world.people(1, phone="+5511987654321")
    now = datetime.now(UTC)
    wish = MessageEvent(
        kind=EventKind.UNSUBSCRIBED,
        occurred_at=now,
        provider_event_id="+5511987654321:stop:1",
        provider_message_id="",
        address=str(person.phone),
        own_address="100000000000001",
    )
    receive_events([ReceivedEvent(1, now, "whatsapp_cloud", world.connection.pk, wish)])
    assert not DeliveryEvent.objects.exists()
