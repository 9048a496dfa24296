"""What people and providers tell us: whose message is answered, which mailbox is meant, and what stops."""

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.models import Connection
from messaging.models import Message, Recipient, Sender, SendJob, Suppression
from messaging.operations.replies import IncomingMessage, IncomingWish, receive_messages, receive_wishes
from messaging.states import ChannelKind, JobState, MessageKind, Reason, RecipientState, SuppressionReason
from tests.worlds import World, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def zanzibar() -> World:
    return make_world()


@pytest.fixture
def mail(zanzibar: World) -> Sender:
    """A mailbox with a name before its address."""
    account = Connection.objects.create(service="resend", name="mail", client=zanzibar.client)
    return Sender.objects.create(
        client=zanzibar.client,
        connection=account,
        channel=ChannelKind.EMAIL,
        name="Loja",
        address="Loja <loja@example.com>",
    )


def recipient_of(world: World, channel: ChannelKind, state: RecipientState, minutes: int = 0) -> Recipient:
    """The person of the world in a running job of the channel, written to so many minutes ago."""
    now = timezone.now()
    job = SendJob.objects.create(
        client=world.client, kind=MessageKind.CAMPAIGN, channel=channel, state=JobState.RUNNING, started_at=now
    )
    sent_at = now - timedelta(minutes=minutes) if state is RecipientState.SENT else None
    return Recipient.objects.create(job=job, contact=world.contact, state=state, sent_at=sent_at)


def wish(sender: Sender, address: str, reason: SuppressionReason, own_address: str = "") -> IncomingWish:
    return IncomingWish(sender.connection_id, own_address, address, 0, reason.value)


def test_an_answer_marks_the_latest_message_of_its_channel(zanzibar: World) -> None:
    chat = recipient_of(zanzibar, ChannelKind.WHATSAPP, RecipientState.SENT, minutes=10)
    letter = recipient_of(zanzibar, ChannelKind.EMAIL, RecipientState.SENT, minutes=1)
    sender, phone = zanzibar.sender, zanzibar.contact.phone or ""
    answer = IncomingMessage(sender.connection_id, sender.address, phone, "wamid-1", "Oi", timezone.now())
    assert receive_messages(messages=[answer]) == 1
    chat.refresh_from_db()
    letter.refresh_from_db()
    assert (chat.state, letter.state) == (RecipientState.REPLIED, RecipientState.SENT)


def test_a_mailbox_is_known_without_the_name_before_it(zanzibar: World, mail: Sender) -> None:
    person = zanzibar.contact.email or ""
    stop = IncomingMessage(mail.connection_id, "loja@example.com", person, "mail-1", "SAIR", timezone.now())
    assert receive_messages(messages=[stop]) == 1
    assert Message.objects.filter(sender=mail, opted_out=True).count() == 1
    assert Suppression.objects.filter(address=person, reason=SuppressionReason.OPTED_OUT).count() == 1


def test_who_leaves_the_accounts_own_list_is_not_written_to(zanzibar: World, mail: Sender) -> None:
    person = zanzibar.contact.email or ""
    assert receive_wishes(wishes=[wish(mail, person, SuppressionReason.OPTED_OUT)]) == 1
    assert Suppression.objects.filter(address=person, channel=ChannelKind.EMAIL).count() == 1
    stranger = wish(mail, "b@example.com", SuppressionReason.OPTED_OUT, own_address="x@example.com")
    assert receive_wishes(wishes=[stranger]) == 0


def test_a_dead_mailbox_ends_e_mail_only_and_a_complaint_everything(zanzibar: World, mail: Sender) -> None:
    chat = recipient_of(zanzibar, ChannelKind.WHATSAPP, RecipientState.PENDING)
    letter = recipient_of(zanzibar, ChannelKind.EMAIL, RecipientState.PENDING)
    person = zanzibar.contact.email or ""
    receive_wishes(wishes=[wish(mail, person, SuppressionReason.HARD_BOUNCE, "loja@example.com")])
    chat.refresh_from_db()
    letter.refresh_from_db()
    assert (chat.state, letter.state, letter.reason) == (
        RecipientState.PENDING,
        RecipientState.SKIPPED,
        Reason.SUPPRESSED,
    )
    receive_wishes(wishes=[wish(mail, person, SuppressionReason.COMPLAINED, "loja@example.com")])
    chat.refresh_from_db()
    assert chat.state == RecipientState.SKIPPED
