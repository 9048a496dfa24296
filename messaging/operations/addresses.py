"""What a provider's answer says about an address or a sender."""

from collections.abc import Sequence

from django.db import connection, transaction

from agency.kit.actor import Actor
from agency.operations.audit import record_audit
from messaging.models import Sender, Suppression
from messaging.states import ChannelKind, SenderState, SuppressionReason


@transaction.atomic
def suppress_addresses(
    *, client_id: int, channel: ChannelKind, addresses: Sequence[tuple[str, str]], source: str = "provider"
) -> list[str]:
    """Never write to these `(address, reason)` again. Returns the addresses that were not suppressed before. One that was keeps its reason,
    unless the person now asks to stop.

    What is already queued is caught at its claim; a single person's queue is emptied at once by `skip_open_recipients`.
    """
    rows = [
        Suppression(client_id=client_id, channel=channel, address=address, reason=reason, source=source)
        for address, reason in sorted(dict(addresses).items())
    ]
    known = set(
        Suppression.objects.filter(
            client_id=client_id, channel=channel, address__in=[row.address for row in rows]
        ).values_list("address", flat=True)
    )
    fresh = [row for row in rows if row.address not in known]
    Suppression.objects.bulk_create(fresh, ignore_conflicts=True)
    asked = [row.address for row in rows if row.address in known and row.reason == SuppressionReason.OPTED_OUT]
    if asked:
        # A person's own word outlives a dead mailbox: whoever mends that and lifts it sees what the person said.
        Suppression.objects.filter(client_id=client_id, channel=channel, address__in=asked).exclude(
            reason__in=(SuppressionReason.OPTED_OUT, SuppressionReason.COMPLAINED)
        ).update(reason=SuppressionReason.OPTED_OUT, source=source)
    return [row.address for row in fresh]


@transaction.atomic
def skip_open_recipients(
    *, client_id: int, contact_ids: Sequence[int], reason: int, channel: ChannelKind | None = None
) -> int:
    """Everything queued for these people of a client, or what goes by one channel, becomes skipped with the reason (unknown, where an earlier
    attempt may have been accepted); what is in a provider's hands is left alone."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH picked AS (
                SELECT r.id FROM messaging_recipient r
                WHERE r.job_id = ANY(ARRAY(SELECT id FROM messaging_sendjob WHERE client_id = %s AND state IN (0, 1, 2) AND channel = ANY(%s)))
                  AND r.contact_id = ANY(%s) AND r.state = 0
                ORDER BY r.id FOR UPDATE
            ), changed AS (
                UPDATE messaging_recipient r SET state = CASE WHEN r.maybe_sent_at IS NULL THEN 80 ELSE 5 END,
                    reason = CASE WHEN r.maybe_sent_at IS NULL THEN %s ELSE 16 END, changed_at = now()
                FROM picked WHERE r.id = picked.id RETURNING r.job_id, new.state, new.reason
            ), counted AS (SELECT job_id, state, reason, count(*)::int AS number FROM changed GROUP BY job_id, state, reason),
            tallied AS (
                INSERT INTO messaging_tally (job_id, state, reason, number)
                SELECT job_id, state, reason, number FROM counted UNION ALL SELECT job_id, 0, 0, -number FROM counted
            )
            SELECT COALESCE(sum(number), 0) FROM counted
            """,
            [client_id, ChannelKind.values if channel is None else [channel.value], list(contact_ids), reason],
        )
        (number,) = cursor.fetchone()
    return int(number)


def stopped_on(channel: ChannelKind, reason: str) -> ChannelKind | None:
    """Where nothing queued is sent any more: on every channel (None) by a person's word, their own or ours; a dead address ends its own only."""
    words = (SuppressionReason.OPTED_OUT, SuppressionReason.COMPLAINED, SuppressionReason.MANUAL)
    return None if reason in words else channel


@transaction.atomic
def restrict_sender(*, sender_id: int, why: str) -> bool:
    """Stop a sender whose credentials the provider refuses; a person mends it and activates it again. Returns False when it was stopped before."""
    sender = Sender.objects.select_for_update().select_related("client").get(pk=sender_id)
    if sender.state != SenderState.ACTIVE:
        return False
    sender.state, sender.state_why = SenderState.RESTRICTED, why[:200]
    sender.save(update_fields=["state", "state_why"])
    record_audit(
        actor=Actor.system("messaging.send"),
        action="restrict_sender",
        subject=sender,
        client=sender.client,
        before={"state": SenderState.ACTIVE},
        after={"state": SenderState.RESTRICTED},
        why=why,
    )
    return True
