"""The look at references that no database constraint watches: one orphan of each kind is found, and nothing else."""

import logging
from datetime import date, timedelta

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.utils import timezone

from agency.kit.actor import Actor
from agency.kit.health import Health
from agency.runners import references as runner
from agency.runners.references import look_on, look_through
from agency.selectors.references import LAST_LOOK, check_references, loose_references, orphans_in_piece
from integrations.models import ApiCall, ConnectionCheck, InboundEvent
from integrations.states import CallOutcome, CheckState
from messaging.models import DeliveryEvent, JobTotal, Message, MessageReference, Recipient, SendJob, Tally
from messaging.operations.contacts import erase_contact
from messaging.states import RecipientState
from tests.worlds import World, make_world

pytestmark = pytest.mark.django_db

GONE = 999_999_999


@pytest.fixture
def world() -> World:
    """A world in which every loose reference has a row, and each points at something."""
    cache.clear()
    world = make_world()
    connection_id = world.sender.connection_id
    mine = {"connection_id": connection_id, "provider_message_id": "wamid.1", "recipient_id": world.recipient.pk}
    DeliveryEvent.objects.create(
        **mine,
        received_on=date(2026, 11, 21),
        provider_event_id="e1",
        job_id=world.recipient.job_id,
        state=RecipientState.SENT,
        occurred_at=timezone.now(),
    )
    MessageReference.objects.create(**mine, sent_on=date(2026, 11, 21))
    ConnectionCheck.objects.create(
        checked_on=date(2026, 11, 21), connection_id=connection_id, state=CheckState.values[0]
    )
    ApiCall.objects.create(
        called_on=date(2026, 11, 21),
        called_at=timezone.now(),
        service="whatsapp_cloud",
        connection_id=connection_id,
        operation="send",
        outcome=CallOutcome.OK,
        code="",
        milliseconds=12,
        attempts=1,
        calls=1,
        units=1,
        cost=0,
        currency="USD",
        purpose="",
    )
    Message.objects.filter(pk=world.message.pk).update(recipient_id=world.recipient.pk)
    Tally.objects.create(job_id=world.recipient.job_id, state=10, number=1)
    JobTotal.objects.create(job_id=world.recipient.job_id, state=10, number=1)
    return world


def plant_orphans() -> dict[str, int]:
    """One row of each kind points at nothing. Returns what must be found."""
    Recipient.objects.update(job_id=GONE, contact_id=GONE, sender_id=GONE)
    DeliveryEvent.objects.update(recipient_id=GONE, job_id=GONE, connection_id=GONE)
    MessageReference.objects.update(recipient_id=GONE, connection_id=GONE)
    Message.objects.update(recipient_id=GONE)
    SendJob.objects.update(sender_ids=[GONE, GONE + 1])
    Tally.objects.update(job_id=GONE)
    JobTotal.objects.update(job_id=GONE)
    InboundEvent.objects.update(connection_id=GONE)
    ConnectionCheck.objects.update(connection_id=GONE)
    ApiCall.objects.update(connection_id=GONE)
    return {reference.name: 1 for reference in loose_references()}


def test_every_kind_of_loose_reference_is_followed(world: World) -> None:
    assert [reference.name for reference in loose_references()] == [
        "integrations.ApiCall.connection_id",
        "integrations.ConnectionCheck.connection_id",
        "integrations.InboundEvent.connection_id",
        "messaging.DeliveryEvent.connection_id",
        "messaging.DeliveryEvent.job_id",
        "messaging.DeliveryEvent.recipient_id",
        "messaging.JobTotal.job_id",
        "messaging.Message.recipient_id",
        "messaging.MessageReference.connection_id",
        "messaging.MessageReference.recipient_id",
        "messaging.Recipient.contact_id",
        "messaging.Recipient.job_id",
        "messaging.Recipient.sender_id",
        "messaging.SendJob.sender_ids",
        "messaging.Tally.job_id",
    ]
    assert look_through(loose_references()) == {}


def test_one_orphan_of_each_kind_is_found_and_reported(
    world: World, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = plant_orphans()
    with caplog.at_level(logging.ERROR), pytest.raises(CommandError, match="15 rows point at nothing"):
        call_command("verify_references")
    alerts = [record for record in caplog.records if record.message == "rows point at nothing"]
    assert {record.__dict__["reference"]: record.__dict__["orphans"] for record in alerts} == wanted
    printed = capsys.readouterr().out
    assert f"messaging.Recipient.contact_id: 1 rows, 1 without messaging.Contact: {world.recipient.pk}\n" in printed


def test_an_erased_person_leaves_no_orphan(world: World) -> None:
    erase_contact(contact_id=world.contact.pk, actor=Actor.system("test"), why="asked to be forgotten")
    assert Recipient.objects.get(pk=world.recipient.pk).contact_id == world.contact.pk
    assert look_through(loose_references()) == {}


def test_an_empty_reference_is_no_orphan(world: World) -> None:
    Recipient.objects.update(sender_id=None)
    DeliveryEvent.objects.update(recipient_id=None, job_id=None)
    SendJob.objects.update(sender_ids=[])
    assert look_through(loose_references()) == {}


def test_a_look_goes_in_bounded_pieces_over_many_messages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    Recipient.objects.bulk_create(
        Recipient(
            job_id=world.execution.job_id, contact_id=world.contact.pk, step=step, sender_id=GONE if step == 5 else None
        )
        for step in range(1, 7)
    )
    (reference,) = [each for each in loose_references() if each.name == "messaging.Recipient.sender_id"]
    first = Recipient.objects.order_by("pk")[0].pk
    piece = orphans_in_piece(reference, 0, size=3)
    assert (piece.last, piece.rows, piece.orphans) == (first + 2, 3, 0)
    last = orphans_in_piece(reference, first + 5, size=3)
    assert (last.last, last.rows, last.orphans) == (None, 1, 0)

    sent: list[str] = []

    def enqueue(name: str, at: str) -> None:
        assert name == "agency.verify_references"
        sent.append(at)

    # A clock that lets each message look at one piece only.
    ticks = iter(range(1_000))
    monkeypatch.setattr(runner, "enqueue", enqueue)
    monkeypatch.setattr(runner, "monotonic", lambda: float(next(ticks)))
    word, messages = look_on(seconds=2, size=3), 1
    while sent:
        word, messages = look_on(at=sent.pop(), seconds=2, size=3), messages + 1
    assert word == "1 orphans of messaging.Recipient.sender_id"
    # A piece a message: seven recipients are three pieces for each of three columns, the other ten references one each.
    assert messages == 3 + 3 + 3 + 12
    assert cache.get(LAST_LOOK)[1] == {"messaging.Recipient.sender_id": 1}


def test_the_check_speaks_of_the_last_complete_look(world: World) -> None:
    assert check_references().health is Health.OK
    assert look_on() == "no orphans"
    assert check_references().text.startswith("none points at nothing")
    Recipient.objects.update(contact_id=GONE)
    assert look_on() == "1 orphans of messaging.Recipient.contact_id"
    assert (check_references().health, check_references().text) == (
        Health.DEGRADED,
        "rows point at nothing: 1 of messaging.Recipient.contact_id",
    )
    cache.set(LAST_LOOK, (timezone.now() - timedelta(days=3), {}))
    assert check_references().health is Health.DEGRADED
