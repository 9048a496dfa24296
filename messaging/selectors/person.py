"""Everything that is held about one person, as it leaves the house when the person asks for it."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Model, Q
from django.utils import timezone

from agency.models import AuditEntry
from messaging.models import Consent, Contact, Message, Recipient, SendJob, Suppression
from messaging.selectors.contact_history import addresses_of
from messaging.selectors.recipients import reports_of
from messaging.states import ChannelKind, Direction, Reason, RecipientState

CONTACT = (
    *("name", "phone", "email", "whatsapp_id", "language", "time_zone", "tags", "attributes"),
    *("replies", "last_inbound_at", "quiet_until", "created_at", "updated_at"),
)
NOT_HELD_HERE = "Uploaded contact files and raw deliveries of providers are kept for some days only (docs/retention.md) and are not searched by person."


def held_about(contact: Contact) -> dict[str, Any]:
    """The contact, consents with their history, suppressions, messages, what was sent or will be, and what was done to the record."""
    own = Q(pk__in=())
    for channel in ChannelKind:
        own |= Q(channel=channel.value, address__in=addresses_of(contact, channel))
    return {
        "client": contact.client.name,
        "made_at": timezone.now(),
        "contact": _fields(contact, CONTACT),
        "consents": [
            {"channel": _channel(consent.channel), "granted": consent.state == 1}
            | _fields(consent, ("source", "proof", "recorded_at", "history"))
            for consent in Consent.objects.filter(contact=contact).order_by("channel")
        ],
        "suppressions": [
            {"channel": _channel(found.channel)} | _fields(found, ("address", "reason", "source", "created_at"))
            for found in Suppression.objects.filter(own, client=contact.client_id).order_by("pk")
        ],
        "messages": [
            {"direction": Direction(message.direction).name.lower(), "channel": _channel(message.channel)}
            | _fields(message, ("at", "address", "text", "opted_out"))
            for message in Message.objects.filter(contact=contact).order_by("pk").iterator()
        ],
        "sendings": [_sending(recipient) for recipient in _recipients(contact)],
        "changes": list(
            AuditEntry.objects.filter(subject_type=Contact._meta.label, subject_id=contact.pk)
            .order_by("pk")
            .values("at", "action", "why")
        ),
        "note": NOT_HELD_HERE,
    }


def _recipients(contact: Contact) -> Iterable[Recipient]:
    """In the order of their jobs; the unique key of recipients begins with the job."""
    jobs = list(SendJob.objects.filter(client=contact.client_id).values_list("pk", flat=True))
    found = Recipient.objects.filter(job_id__in=jobs, contact_id=contact.pk).order_by("job_id", "step")
    return found.select_related("job__template_version__template", "sender")


def _sending(recipient: Recipient) -> dict[str, Any]:
    job = recipient.job
    version = job.template_version
    return {
        "channel": _channel(job.channel),
        "sender": recipient.sender.address if recipient.sender else "",
        "template": version.template.name if version else "",
        "wording": version.body if version else job.text,
        "state": RecipientState(recipient.state).name.lower(),
        "reason": Reason(recipient.reason).name.lower(),
        "reports": [
            {"at": event.occurred_at, "state": RecipientState(event.state).name.lower(), "code": event.code or ""}
            for event in reports_of(recipient, timezone.now().date())
        ],
    } | _fields(recipient, ("sent_at", "changed_at", "code", "variables"))


def _channel(kind: int) -> str:
    return ChannelKind(kind).name.lower()


def _fields(record: Model, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(record, name) for name in names}
