"""One person at a glance: on which channels they may be written to, and what went to and fro."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from messaging.models import Consent, Contact, Message, Recipient, SendJob, Suppression
from messaging.states import OPEN_STATES, ChannelKind, Direction, JobState, MessageKind, Reason, RecipientState

JOBS = 1_000  # the latest of the client that are looked through: recipients are kept by job, not by person
ITEMS = 30


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """One channel of a person. `suppressions` may be several: a WhatsApp person has a phone and an id."""

    channel: ChannelKind
    addresses: tuple[str, ...]
    consent: Consent | None
    suppressions: tuple[Suppression, ...]


@dataclass(frozen=True, slots=True)
class Passed:
    """One message that came in, went out, or should have. `text` is a message's own; `template` names what a mass send used."""

    at: dt.datetime
    direction: Direction
    channel: ChannelKind
    kind: MessageKind | None
    text: str
    template: str
    state: RecipientState | None
    reason: Reason
    code: str
    asked_to_stop: bool
    job_id: int | None


@dataclass(frozen=True, slots=True)
class Belongings:
    """What an erasure takes away or leaves, in numbers."""

    consents: int
    messages: int
    waiting: int


def channel_facts(contact_id: int) -> list[ChannelFacts]:
    """Every channel, with or without an address."""
    contact = Contact.objects.get(pk=contact_id)
    consents = {consent.channel: consent for consent in Consent.objects.filter(contact=contact)}
    found: dict[int, list[Suppression]] = {}
    for suppression in Suppression.objects.filter(_own(contact), client=contact.client_id):
        found.setdefault(suppression.channel, []).append(suppression)
    return [
        ChannelFacts(
            channel,
            addresses_of(contact, channel),
            consents.get(channel.value),
            tuple(found.get(channel.value, ())),
        )
        for channel in ChannelKind
    ]


def addresses_of(contact: Contact, channel: ChannelKind) -> tuple[str, ...]:
    """Where a person is reached on a channel."""
    if channel is ChannelKind.EMAIL:
        return (contact.email,) if contact.email else ()
    ids = (contact.phone, contact.whatsapp_id) if channel is ChannelKind.WHATSAPP else (contact.phone,)
    return tuple(address for address in ids if address)


def _own(contact: Contact) -> Q:
    """Suppressions of this person's addresses; the unique key of suppressions answers it."""
    wanted = Q(pk__in=())
    for channel in ChannelKind:
        if own := addresses_of(contact, channel):
            wanted |= Q(channel=channel.value, address__in=own)
    return wanted


def contact_timeline(contact: Contact) -> list[Passed]:
    """The latest messages in both directions, newest first; of mass sends those among the client's latest jobs."""
    messages = list(Message.objects.filter(contact_id=contact.pk).order_by("-id")[:ITEMS])
    jobs = list(SendJob.objects.filter(client=contact.client_id).order_by("-id").values_list("pk", flat=True)[:JOBS])
    single = [message.recipient_id for message in messages if message.recipient_id]
    recipients = {
        recipient.pk: recipient
        for recipient in [
            *_with_job(Recipient.objects.filter(job_id__in=jobs, contact_id=contact.pk).order_by("-job_id")[:ITEMS]),
            *_with_job(Recipient.objects.filter(pk__in=single)),
        ]
    }
    passed = [_message(message, recipients.pop(message.recipient_id or 0, None)) for message in messages]
    passed += [_sent(recipient) for recipient in recipients.values()]
    return sorted(passed, key=lambda item: item.at, reverse=True)[:ITEMS]


def _with_job(recipients: Any) -> Any:
    return recipients.select_related("job__template_version__template")


def _message(message: Message, recipient: Recipient | None) -> Passed:
    return Passed(
        at=message.at,
        direction=Direction(message.direction),
        channel=ChannelKind(message.channel),
        kind=MessageKind(recipient.job.kind) if recipient else None,
        text=message.text,
        template=_template(recipient.job) if recipient and not message.text else "",
        state=RecipientState(recipient.state) if recipient else None,
        reason=Reason(recipient.reason) if recipient else Reason.NONE,
        code=(recipient.code or "") if recipient else "",
        asked_to_stop=message.opted_out,
        job_id=recipient.job_id if recipient else None,
    )


def _sent(recipient: Recipient) -> Passed:
    job = recipient.job
    return Passed(
        at=recipient.sent_at or recipient.changed_at or job.started_at or job.created_at,
        direction=Direction.OUTBOUND,
        channel=ChannelKind(job.channel),
        kind=MessageKind(job.kind),
        text=job.text,
        template=_template(job),
        state=RecipientState(recipient.state),
        reason=Reason(recipient.reason),
        code=recipient.code or "",
        asked_to_stop=False,
        job_id=job.pk,
    )


def _template(job: SendJob) -> str:
    return job.template_version.template.name if job.template_version else ""


def belongings(contact: Contact) -> Belongings:
    """What an erasure concerns. Messages are counted to a thousand."""
    open_jobs = SendJob.objects.filter(
        client=contact.client_id, state__in=(JobState.PREPARING, JobState.RUNNING, JobState.PAUSED)
    ).values_list("pk", flat=True)
    return Belongings(
        consents=Consent.objects.filter(contact_id=contact.pk).count(),
        messages=Message.objects.filter(contact_id=contact.pk).order_by().values("pk")[:1_000].count(),
        waiting=Recipient.objects.filter(
            job_id__in=list(open_jobs), contact_id=contact.pk, state__in=OPEN_STATES
        ).count(),
    )
