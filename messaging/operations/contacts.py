"""What a person does to single contacts: tags, consents, suppressions, erasure. Each is one audited operation."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput, OperationRefused
from agency.models import Client
from agency.operations.audit import record_audit
from agency.operations.idempotency import blank_answers
from messaging.models import Consent, Contact, Suppression, Tag
from messaging.operations.addresses import skip_open_recipients, stopped_on, suppress_addresses
from messaging.rules.addresses import AddressRefused, normalize_email, normalize_phone
from messaging.states import ChannelKind, ConsentState, Reason, SuppressionReason

MAX_TAG = 60
REPORT_DAYS = 31  # how long after sending a provider reports on a message

_SENT = """
WITH sent AS (
    SELECT m.provider_id, m.sent_on, s.connection_id
    FROM unnest(%(ids)s::text[], %(senders)s::bigint[], %(days)s::date[]) AS m (provider_id, sender_id, sent_on)
    JOIN messaging_sender s ON s.id = m.sender_id
)
"""
_FORGET_REFERENCES = (
    _SENT
    + """
DELETE FROM messaging_messagereference r USING sent
WHERE r.connection_id = sent.connection_id AND r.provider_message_id = sent.provider_id
"""
)
# By the unique index: the days after each message, its connection, and the events' ids, which begin with the message's.
_FORGET_REPORTS = (
    _SENT
    + """
UPDATE messaging_deliveryevent e SET provider_event_id = md5(e.provider_event_id), provider_message_id = ''
FROM sent CROSS JOIN generate_series(-1, %(after)s) AS later (days)
WHERE e.received_on = sent.sent_on + later.days AND e.connection_id = sent.connection_id
  AND e.provider_event_id >= sent.provider_id || ':' AND e.provider_event_id < sent.provider_id || ';'
"""
)


@transaction.atomic
def tag_contacts(*, client: Client, contact_ids: Sequence[int], tag: str, actor: Actor) -> int:
    """Give contacts of the client a tag. Returns how many did not have it. Raises InvalidInput."""
    name = " ".join(tag.split())
    if not name or len(name) > MAX_TAG or "\0" in name:
        raise InvalidInput("bad_tag", _("A tag has 1 to %(most)d characters.") % {"most": MAX_TAG}, field="tag")
    Tag.objects.bulk_create([Tag(client=client, name=name)], ignore_conflicts=True)
    return _change_tags(
        client, contact_ids, name, actor, "tag_contacts", "tags || ARRAY[%(tag)s]::varchar[]", "NOT %(tag)s = ANY(tags)"
    )


@transaction.atomic
def untag_contacts(*, client: Client, contact_ids: Sequence[int], tag: str, actor: Actor) -> int:
    """Take a tag from contacts of the client. Returns how many had it."""
    return _change_tags(
        client, contact_ids, tag, actor, "untag_contacts", "array_remove(tags, %(tag)s)", "%(tag)s = ANY(tags)"
    )


def _change_tags(
    client: Client, contact_ids: Sequence[int], tag: str, actor: Actor, action: str, value: str, condition: str
) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH picked AS (
                SELECT id FROM messaging_contact
                WHERE client_id = %(client)s AND id = ANY(%(ids)s) AND {condition} ORDER BY id FOR NO KEY UPDATE)
            UPDATE messaging_contact SET tags = {value}, updated_at = now() FROM picked
            WHERE messaging_contact.id = picked.id
            """,  # noqa: S608 - both fragments are constants of this module
            {"client": client.pk, "ids": list(contact_ids), "tag": tag},
        )
        changed = int(cursor.rowcount)
    if changed:
        record_audit(actor=actor, action=action, subject=client, client=client, after={"tag": tag, "contacts": changed})
    return changed


@transaction.atomic
def suppress_address(
    *, client: Client, channel: ChannelKind, address: str, reason: SuppressionReason, actor: Actor, why: str = ""
) -> Suppression:
    """Never write to this address of the client's channel again; what is queued for it is skipped at once.

    A WhatsApp person without a visible phone is named by the user id. Raises InvalidInput for what is no address.
    An address that is suppressed already keeps its reason, unless the person now asks to stop; what a person says anew is written down.
    """
    is_id = channel is ChannelKind.WHATSAPP and Contact.objects.filter(client=client, whatsapp_id=address).exists()
    normal = address if is_id else normal_address(channel, address, client.country)
    before = Suppression.objects.filter(client=client, channel=channel, address=normal).values_list("reason", flat=True)
    said_before = before.first()
    suppress_addresses(
        client_id=client.pk, channel=channel, addresses=[(normal, reason.value)], source=actor.label[:200]
    )
    suppression = Suppression.objects.get(client=client, channel=channel, address=normal)
    if said_before != reason:
        owners = Contact.objects.filter(Q(phone=normal) | Q(email=normal) | Q(whatsapp_id=normal), client=client)
        why_skipped = Reason.OPTED_OUT if reason is SuppressionReason.OPTED_OUT else Reason.SUPPRESSED
        skip_open_recipients(
            client_id=client.pk,
            contact_ids=list(owners.values_list("pk", flat=True)),
            reason=why_skipped,
            channel=stopped_on(channel, reason),
        )
        record_audit(
            actor=actor,
            action="suppress_address",
            subject=suppression,
            client=client,
            before={"reason": said_before} if said_before else {},
            after={"channel": channel.value, "address": normal, "reason": suppression.reason, "asked": reason.value},
            why=why,
        )
    return suppression


@transaction.atomic
def lift_suppression(*, suppression_id: int, actor: Actor, why: str) -> None:
    """Allow an address again. Needs a reason a person wrote down; raises OperationRefused without one."""
    if not why.strip():
        raise OperationRefused("reason_missing", _("Say why this address may be written to again."))
    suppression = Suppression.objects.select_for_update(of=("self",)).select_related("client").get(pk=suppression_id)
    record_audit(
        actor=actor,
        action="lift_suppression",
        subject=suppression,
        client=suppression.client,
        before={"channel": suppression.channel, "address": suppression.address, "reason": suppression.reason},
        why=why,
    )
    suppression.delete()


@transaction.atomic
def record_consent(
    *, contact_id: int, channel: ChannelKind, state: ConsentState, source: str, proof: Mapping[str, Any], actor: Actor
) -> Consent:
    """Record what the person has said about a channel, with its proof; what was said before stays in the history.

    Unlike data from files and programs, this may grant again what was withdrawn: the caller vouches for the person's word.
    """
    contact = Contact.objects.select_for_update(of=("self",)).select_related("client").get(pk=contact_id)
    consent = Consent.objects.filter(contact=contact, channel=channel).first()
    before = {"state": consent.state} if consent else {}
    if consent is None:
        consent = Consent(contact=contact, channel=channel)
    else:
        consent.history = [
            *consent.history,
            {
                "state": consent.state,
                "source": consent.source,
                "proof": consent.proof,
                "recorded_at": consent.recorded_at.isoformat(),
            },
        ]
    consent.state, consent.source, consent.proof = state, source[:200], dict(proof)
    consent.recorded_at = timezone.now()
    consent.save()
    record_audit(
        actor=actor,
        action="record_consent",
        subject=contact,
        client=contact.client,
        before=before,
        after={"channel": channel.value, "state": state.value, "source": source},
    )
    return consent


@transaction.atomic
def erase_contact(*, contact_id: int, actor: Actor, why: str) -> None:
    """Erase a person: the contact with its consents and messages, the values that were sent to them, and the providers' ids of it.

    What is queued is skipped. Recipient rows stay, without anything personal, so that campaigns still add up; their empty variables say to
    whoever has one in hand, and to reports that come later, that nothing more is to be kept. Suppressions stay, because they keep the
    person from being written to again.
    """
    contact = Contact.objects.select_for_update(of=("self",)).select_related("client").get(pk=contact_id)
    skip_open_recipients(client_id=contact.client_id, contact_ids=[contact.pk], reason=Reason.CANCELLED)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_recipient r SET variables = '{}', provider_id = NULL
            WHERE contact_id = %s AND job_id = ANY(ARRAY(SELECT id FROM messaging_sendjob WHERE client_id = %s))
            RETURNING old.provider_id, r.sender_id, r.sent_at
            """,
            [contact.pk, contact.client_id],
        )
        sent = [(*row[:2], row[2] or timezone.now()) for row in cursor.fetchall() if row[0] and row[1]]
        parameters: dict[str, Any] = {
            "ids": [row[0] for row in sent],
            "senders": [row[1] for row in sent],
            "days": [row[2].date() for row in sent],
            "after": REPORT_DAYS,
        }
        cursor.execute(_FORGET_REFERENCES, parameters)
        cursor.execute(_FORGET_REPORTS, parameters)
        cursor.execute(  # the job of a single message holds its words too
            """
            UPDATE messaging_sendjob SET subject = '', text = '', variables = '{}' WHERE client_id = %s AND id IN (
                SELECT r.job_id FROM messaging_message m JOIN messaging_recipient r ON r.id = m.recipient_id WHERE m.contact_id = %s)
            """,
            [contact.client_id, contact.pk],
        )
    blank_answers(about={"contact": contact.pk}, fields=("address", "text"))
    record_audit(actor=actor, action="erase_contact", subject=contact, client=contact.client, why=why)
    contact.delete()


def normal_address(channel: ChannelKind, address: str, country: str) -> str:
    """The address in the form suppressions keep it. Raises InvalidInput."""
    try:
        return normalize_email(address) if channel is ChannelKind.EMAIL else normalize_phone(address, country)
    except AddressRefused as refusal:
        text = _("This is no address of the channel: %(address)s.") % {"address": address[:60]}
        raise InvalidInput(refusal.problem.value, text, field="address") from refusal
