"""What an unsubscribe link speaks of: whose messages, to which address, and whether that has stopped already."""

from dataclasses import dataclass

from agency.models import Client
from messaging.models import Contact, Recipient, Suppression
from messaging.states import ChannelKind


@dataclass(frozen=True, slots=True)
class Subscription:
    """One person's address at one client. `stopped`: it is not written to any more."""

    client: Client
    contact: Contact
    channel: ChannelKind
    address: str
    stopped: bool


def subscription_of(recipient_id: int) -> Subscription | None:
    """The subscription a message belongs to; None when the message, the person or the address is not kept any more."""
    message = Recipient.objects.filter(pk=recipient_id).select_related("job__client").first()
    if message is None:
        return None
    contact = Contact.objects.filter(pk=message.contact_id, client_id=message.job.client_id).first()
    channel = ChannelKind(message.job.channel)
    address = address_of(contact, channel) if contact else ""
    if contact is None or not address:
        return None
    stopped = Suppression.objects.filter(client=message.job.client, channel=channel, address=address).exists()
    return Subscription(message.job.client, contact, channel, address, stopped)


def address_of(contact: Contact, channel: ChannelKind) -> str:
    """Where the person is written to on a channel; empty without such an address."""
    if channel is ChannelKind.EMAIL:
        return contact.email or ""
    if channel is ChannelKind.WHATSAPP:
        return contact.phone or contact.whatsapp_id or ""
    return contact.phone or ""
