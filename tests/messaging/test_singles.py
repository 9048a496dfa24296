"""One message to one person: its words go out as they were written, from templates that fit, and leave with the person."""

import time

import pytest

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput
from agency.models import Client
from messaging.models import Contact, Message, Sender, SendJob, Suppression, Template, TemplateVersion
from messaging.operations.addresses import suppress_addresses
from messaging.operations.contacts import erase_contact
from messaging.operations.singles import SingleMessage, send_single_message
from messaging.selectors.links import recipient_of_unsubscribe
from messaging.selectors.plans import job_plan
from messaging.states import ChannelKind, SuppressionReason
from tests.worlds import World, make_world

pytestmark = pytest.mark.django_db
ACTOR = Actor.system("test")


@pytest.fixture
def zanzibar() -> World:
    return make_world()


def job_of(contact: Contact, sender: Sender, text: str, subject: str = "") -> SendJob:
    """The job of a single message."""
    single = SingleMessage(contact=contact, sender=sender, text=text, subject=subject)
    send_single_message(message=single, actor=ACTOR)
    return SendJob.objects.latest("pk")


@pytest.mark.parametrize(
    "words", ["{{ 50% }} off", "{{", "{%endraw%}{{ contact.name }}", "{% raw %}{% endraw %}{%", "{ plain }", "{%- x"]
)
def test_a_persons_own_words_are_not_a_template(zanzibar: World, words: str) -> None:
    job = job_of(zanzibar.contact, zanzibar.sender, f"text {words}", f"subject {words}")
    filled = job_plan(job.pk).template.fill({})
    assert (filled.body, filled.subject) == (f"text {words}", f"subject {words}")


def test_a_message_made_again_later_is_the_same(zanzibar: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_of(zanzibar.contact, zanzibar.sender, "Oi")
    link = job_plan(job.pk).unsubscribe_url(7)
    assert recipient_of_unsubscribe(link.rpartition("/")[2]) == 7
    later = time.time() + 300
    monkeypatch.setattr("time.time", lambda: later)
    assert job_plan(job.pk).unsubscribe_url(7) == link


def test_a_template_of_another_client_or_channel_is_refused(zanzibar: World) -> None:
    theirs = make_world("other", "Other").template.current
    mail = Template.objects.create(client=zanzibar.client, name="mail", channel=ChannelKind.EMAIL)
    letter = TemplateVersion.objects.create(template=mail, number=1, body="Oi")
    for version in (theirs, letter):
        single = SingleMessage(contact=zanzibar.contact, sender=zanzibar.sender, template_version=version)
        with pytest.raises(InvalidInput) as caught:
            send_single_message(message=single, actor=ACTOR)
        assert caught.value.field == "template"
    assert not Message.objects.exclude(recipient_id=None).exists()


def test_a_person_without_a_visible_phone_is_named_by_the_id(zanzibar: World) -> None:
    contact = Contact.objects.create(client=zanzibar.client, whatsapp_id="BR.123")
    job_of(contact, zanzibar.sender, "Oi")
    assert Message.objects.latest("pk").address == "BR.123"


def test_the_words_to_a_person_leave_with_the_person(zanzibar: World) -> None:
    job = job_of(zanzibar.contact, zanzibar.sender, "Your result is in", "Result")
    erase_contact(contact_id=zanzibar.contact.pk, actor=ACTOR, why="asked for it")
    job.refresh_from_db()
    assert (job.text, job.subject) == ("", "")


def test_who_asks_to_stop_is_kept_as_such_whatever_stood_there_before() -> None:
    client = Client.objects.create(name="Aurora", slug="aurora")

    def suppress(address: str, reason: SuppressionReason) -> list[str]:
        return suppress_addresses(client_id=client.pk, channel=ChannelKind.EMAIL, addresses=[(address, reason)])

    suppress("a@example.com", SuppressionReason.HARD_BOUNCE)
    assert suppress("a@example.com", SuppressionReason.OPTED_OUT) == []
    assert Suppression.objects.get().reason == SuppressionReason.OPTED_OUT
    suppress("a@example.com", SuppressionReason.HARD_BOUNCE)
    assert Suppression.objects.get().reason == SuppressionReason.OPTED_OUT
