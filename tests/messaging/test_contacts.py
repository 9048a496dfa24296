"""Operations on contacts: the merge as the API asks for it, tags, consents, suppressions, erasure."""

import pytest

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput, OperationRefused
from agency.models import AuditEntry, Client
from messaging.models import Consent, Contact, Suppression, Tag
from messaging.operations.addresses import suppress_addresses
from messaging.operations.contact_entry import EntryOutcome, PersonGiven, upsert_contacts
from messaging.operations.contacts import (
    erase_contact,
    lift_suppression,
    record_consent,
    suppress_address,
    tag_contacts,
    untag_contacts,
)
from messaging.states import ChannelKind, ConsentState, SuppressionReason

pytestmark = pytest.mark.django_db
ACTOR = Actor.system("test")
P1, P2 = "+5511987650001", "+5511987650002"


@pytest.fixture
def client_() -> Client:
    return Client.objects.create(name="Clínica Aurora", slug="aurora")


def outcomes(client: Client, *people: PersonGiven) -> list[str]:
    return [each.outcome for each in upsert_contacts(client=client, people=people, source="CRM", actor=ACTOR)]


def test_upsert_tells_what_came_of_each(client_: Client) -> None:
    people = (
        PersonGiven(phone="11 98765-0001", name="Ana", tags=["vip"], attributes={"kids": ["Bia"], "age": 40}),
        PersonGiven(email="A@example.com", consents={ChannelKind.EMAIL: ConsentState.GRANTED}),
        PersonGiven(phone="123"),
        PersonGiven(phone=P1, name="Ana Maria"),
        PersonGiven(phone=P2, email="a@example.com"),
        PersonGiven(name="no address"),
        PersonGiven(phone=P2, name="nul\0"),
    )
    assert outcomes(client_, *people) == ["created", "created", "refused", "updated", "updated", "refused", "refused"]
    ana = Contact.objects.get(phone=P1)
    assert (ana.name, ana.tags, ana.attributes) == ("Ana Maria", ["vip"], {"kids": ["Bia"], "age": 40})
    assert Contact.objects.get(phone=P2).email == "a@example.com"
    assert Consent.objects.get().proof == {"by": "system:test", "row": 4}
    assert list(Tag.objects.values_list("name", flat=True)) == ["vip"]
    assert outcomes(client_, *people) == [
        "unchanged",
        "unchanged",
        "refused",
        "unchanged",
        "unchanged",
        "refused",
        "refused",
    ]
    assert AuditEntry.objects.filter(action="upsert_contacts").count() == 2


def test_upsert_refuses_what_the_database_could_not_keep(client_: Client) -> None:
    people = (
        PersonGiven(phone=P1, attributes={"half": "\ud800"}),
        PersonGiven(phone=P1, attributes={"number": float("nan")}),
        PersonGiven(phone=P1, attributes={"nul": ["\0"]}),
        PersonGiven(phone=P1, name="\udfff"),
        PersonGiven(phone=P1, whatsapp_id="x" * 65),
    )
    assert outcomes(client_, *people) == ["refused"] * 5
    assert not Contact.objects.exists()


def test_upsert_of_someone_elses_email(client_: Client) -> None:
    outcomes(client_, PersonGiven(phone=P1, email="a@example.com"))
    refused, taken = upsert_contacts(
        client=client_,
        people=[PersonGiven(phone=P2, email="a@example.com"), PersonGiven(phone=P2)],
        source="CRM",
        actor=ACTOR,
    )
    assert (refused.contact_id, refused.outcome) == (None, "refused")
    assert refused.reason
    assert taken == EntryOutcome(Contact.objects.get(phone=P2).pk, "created")
    assert upsert_contacts(client=client_, people=[], source="CRM", actor=ACTOR) == []


def test_at_most_a_thousand(client_: Client) -> None:
    people = [PersonGiven(phone=f"+55119{number:08}") for number in range(60_000_000, 60_001_001)]
    with pytest.raises(InvalidInput):
        upsert_contacts(client=client_, people=people, source="CRM", actor=ACTOR)
    assert not Contact.objects.exists()
    assert outcomes(client_, *people[:1000]) == ["created"] * 1000


def test_tags(client_: Client) -> None:
    one = Contact.objects.create(client=client_, phone=P1, tags=["vip"])
    two = Contact.objects.create(client=client_, phone=P2)
    stranger = Contact.objects.create(client=Client.objects.create(name="Other", slug="other"), phone=P1)
    ids = [one.pk, two.pk, stranger.pk]
    assert tag_contacts(client=client_, contact_ids=ids, tag=" vip ", actor=ACTOR) == 1
    assert tag_contacts(client=client_, contact_ids=ids, tag="vip", actor=ACTOR) == 0
    assert untag_contacts(client=client_, contact_ids=ids, tag="vip", actor=ACTOR) == 2
    assert not Contact.objects.exclude(tags=[]).exists()
    with pytest.raises(InvalidInput):
        tag_contacts(client=client_, contact_ids=ids, tag="x" * 61, actor=ACTOR)


def test_what_a_person_says_of_a_suppressed_address_is_written_down(client_: Client) -> None:
    suppress_addresses(
        client_id=client_.pk, channel=ChannelKind.EMAIL, addresses=[("ana@exemplo.com.br", "hard_bounce")]
    )

    def say(reason: SuppressionReason) -> str:
        kept = suppress_address(
            client=client_,
            channel=ChannelKind.EMAIL,
            address="ana@exemplo.com.br",
            reason=reason,
            actor=ACTOR,
            why="by phone",
        )
        return str(kept.reason)

    assert [say(SuppressionReason.MANUAL), say(SuppressionReason.OPTED_OUT), say(SuppressionReason.OPTED_OUT)] == [
        "hard_bounce",  # a lifted bounce would still be one
        "opted_out",
        "opted_out",
    ]
    entries = AuditEntry.objects.filter(action="suppress_address").order_by("pk")
    assert [(entry.before["reason"], entry.after["asked"], entry.after["reason"], entry.why) for entry in entries] == [
        ("hard_bounce", "manual", "hard_bounce", "by phone"),
        ("hard_bounce", "opted_out", "opted_out", "by phone"),
    ]


def test_suppression_and_its_lifting(client_: Client) -> None:
    for _ in range(2):
        suppression = suppress_address(
            client=client_,
            channel=ChannelKind.WHATSAPP,
            address="(11) 98765-0001",
            reason=SuppressionReason.MANUAL,
            actor=ACTOR,
        )
    assert suppression.address == P1
    assert AuditEntry.objects.filter(action="suppress_address").count() == 1
    with pytest.raises(OperationRefused):
        lift_suppression(suppression_id=suppression.pk, actor=ACTOR, why=" ")
    assert Suppression.objects.count() == 1
    lift_suppression(suppression_id=suppression.pk, actor=ACTOR, why="typed by mistake")
    assert not Suppression.objects.exists()
    with pytest.raises(InvalidInput):
        suppress_address(
            client=client_, channel=ChannelKind.EMAIL, address="x", reason=SuppressionReason.MANUAL, actor=ACTOR
        )


def test_a_person_may_grant_again_and_be_erased(client_: Client) -> None:
    contact = Contact.objects.create(client=client_, phone=P1)
    for state in (ConsentState.GRANTED, ConsentState.WITHDRAWN, ConsentState.GRANTED):
        consent = record_consent(
            contact_id=contact.pk, channel=ChannelKind.SMS, state=state, source="call", proof={"call": 7}, actor=ACTOR
        )
    assert (consent.state, [entry["state"] for entry in consent.history]) == (ConsentState.GRANTED, [1, 2])
    erase_contact(contact_id=contact.pk, actor=ACTOR, why="asked for by mail")
    assert not Contact.objects.exists()
    assert not Consent.objects.exists()
    assert AuditEntry.objects.get(action="erase_contact").subject_id == contact.pk
