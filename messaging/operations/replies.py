"""What a person wrote back: stored once, a wish to stop obeyed first, the message it answers marked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from messaging.models import Contact, Message, Recipient, Sender
from messaging.operations.addresses import skip_open_recipients, stopped_on, suppress_addresses
from messaging.rules.opt_out import is_opt_out
from messaging.states import ChannelKind, Direction, Reason, SuppressionReason

REPLY_DAYS = 30  # a message answers the latest one that was sent to the person within so many days


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """One message from a person, as a provider delivered it."""

    connection_id: int
    own_address: str
    address: str
    provider_message_id: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class IncomingWish:
    """A person's wish to stop, told by the provider (complaint, unsubscribe) about one of our messages or an address."""

    connection_id: int
    own_address: str
    address: str
    reference: int
    reason: str


@transaction.atomic
def receive_messages(*, messages: Sequence[IncomingMessage]) -> int:
    """Store inbound messages, each once, and act on them. Returns how many were new.

    A message to a sender we do not know is left to the inbound event, which keeps it whole.
    """
    senders = _senders({(message.connection_id, message.own_address) for message in messages})
    new = 0
    for message in messages:
        sender = senders.get((message.connection_id, message.own_address))
        if sender is not None:
            new += _receive(message, sender)
    return new


def _senders(identities: set[tuple[int, str]]) -> dict[tuple[int, str], Sender]:
    found = Sender.objects.filter(connection_id__in={connection_id for connection_id, _ in identities}).order_by("-pk")
    return {(sender.connection_id, _identity(sender)): sender for sender in found}


def _identity(sender: Sender) -> str:
    """How a provider's events name the sender: a mailbox without the name that stands before it."""
    return parseaddr(sender.address)[1].lower() if sender.channel == ChannelKind.EMAIL else sender.address


def _receive(message: IncomingMessage, sender: Sender) -> int:
    channel = ChannelKind(sender.channel)
    contact = find_contact(sender.client_id, channel, message.address)
    stop = is_opt_out(message.text)
    _stored, created = Message.objects.get_or_create(
        sender=sender,
        provider_message_id=message.provider_message_id,
        direction=Direction.INBOUND,
        defaults={
            "client_id": sender.client_id,
            "contact": contact,
            "channel": channel,
            "address": message.address,
            "text": message.text,
            "opted_out": stop,
            "at": message.at,
        },
    )
    if not created:
        return 0
    if stop:
        stop_writing(
            client_id=sender.client_id, channel=channel, address=message.address, contact=contact, source="reply"
        )
    if contact is not None:
        Contact.objects.filter(pk=contact.pk).update(replies=F("replies") + 1, last_inbound_at=Now())
        _mark_replied(sender.client_id, channel, contact.pk)
    return 1


def find_contact(client_id: int, channel: ChannelKind, address: str) -> Contact | None:
    """The client's contact with this address on the channel."""
    if not address:
        return None
    contacts = Contact.objects.filter(client_id=client_id)
    if channel == ChannelKind.EMAIL:
        return contacts.filter(email=address.lower()).first()
    return contacts.filter(phone=address).first() or (
        contacts.filter(whatsapp_id=address).first() if channel == ChannelKind.WHATSAPP else None
    )


@transaction.atomic
def stop_writing(
    *,
    client_id: int,
    channel: ChannelKind,
    address: str,
    contact: Contact | None,
    source: str,
    reason: str = SuppressionReason.OPTED_OUT,
) -> bool:
    """Suppress the address first, then skip everything queued for the person. Returns whether the address was not suppressed before."""
    fresh = suppress_addresses(client_id=client_id, channel=channel, addresses=[(address, reason)], source=source)
    if contact is not None:
        skip_open_recipients(
            client_id=client_id,
            contact_ids=[contact.pk],
            reason=Reason.OPTED_OUT if reason == SuppressionReason.OPTED_OUT else Reason.SUPPRESSED,
            channel=stopped_on(channel, reason),
        )
    return bool(fresh)


@transaction.atomic
def receive_wishes(*, wishes: Sequence[IncomingWish]) -> int:
    """Obey complaints, unsubscribes and dead addresses that providers report. Returns how many were acted on."""
    senders = _senders({(wish.connection_id, wish.own_address) for wish in wishes})
    known = 0
    for wish in wishes:
        meant = _senders_meant(wish, senders) if wish.address else []
        for sender in meant:
            channel = ChannelKind(sender.channel)
            contact = find_contact(sender.client_id, channel, wish.address)
            stop_writing(
                client_id=sender.client_id,
                channel=channel,
                address=wish.address,
                contact=contact,
                source="provider",
                reason=wish.reason,
            )
        known += bool(meant)
    return known


def _senders_meant(wish: IncomingWish, senders: Mapping[tuple[int, str], Sender]) -> list[Sender]:
    """The sender a wish speaks of. One that names neither sender nor message comes from the account's own list of those who left: it
    holds for each client that writes through the account, so that one sender of each is returned."""
    sender = senders.get((wish.connection_id, wish.own_address)) or _sender_of(wish)
    if sender is not None:
        return [sender]
    if wish.own_address or wish.reference:
        return []
    of_account = [each for (connection_id, _), each in senders.items() if connection_id == wish.connection_id]
    return list({(each.client_id, each.channel): each for each in of_account}.values())


def _sender_of(wish: IncomingWish) -> Sender | None:
    """The sender of the message a wish refers to, only where it belongs to the connection that reports it."""
    if not wish.reference:
        return None
    used = Recipient.objects.filter(pk=wish.reference).values("sender_id")
    return Sender.objects.filter(pk__in=used, connection_id=wish.connection_id).first()


def _mark_replied(client_id: int, channel: ChannelKind, contact_id: int) -> None:
    """The latest message that reached the person on the channel of the answer becomes *replied*."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH latest AS (
                SELECT r.id FROM messaging_recipient r
                WHERE r.job_id = ANY(ARRAY(
                    SELECT id FROM messaging_sendjob WHERE client_id = %s AND channel = %s AND started_at IS NOT NULL
                      AND (finished_at IS NULL OR finished_at > now() - make_interval(days => %s))
                )) AND r.contact_id = %s AND r.state IN (5, 10, 20, 30)
                ORDER BY r.sent_at DESC NULLS LAST LIMIT 1 FOR UPDATE
            ), changed AS (
                UPDATE messaging_recipient r SET state = 40, reason = 0, changed_at = now() FROM latest WHERE r.id = latest.id
                RETURNING r.job_id, old.state AS was, old.reason AS was_reason
            )
            INSERT INTO messaging_tally (job_id, state, reason, number)
            SELECT job_id, 40, 0, 1 FROM changed UNION ALL SELECT job_id, was, was_reason, -1 FROM changed
            """,
            [client_id, channel, REPLY_DAYS, contact_id],
        )
