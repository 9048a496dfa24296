"""Every change of a stored webhook delivery after the door wrote it: claimed, settled, failed, replayed.

Claims and settlements are the hot path and leave no audit entry; a replay is a person's act and does.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from agency.kit.queue import enqueue_after_commit
from agency.operations.audit import record_audit
from integrations.events import ReceivedFact
from integrations.models import Connection, InboundEvent
from integrations.states import InboundState

CLAIM = 1_000  # rows in one claim
CLAIM_AGAIN = 50  # after a claim that never ended: something among them may kill its process
CLAIM_BYTES = 8 * 1024 * 1024  # bodies of one claim
LEASE_SECONDS = 30
MAX_ATTEMPTS = 5
NOT_STORED = 0  # the inbound event of a fact that no webhook brought
BACKOFF_SECONDS = (5, 30, 120, 600)  # after the first, second, … failed attempt

# Ids travel as constant arrays: whatever PostgreSQL believes about the table's size, it looks them up or hashes them.
_DUE = """
SELECT id, attempt, octet_length(body) FROM integrations_inboundevent
WHERE state = 0 AND (leased_until IS NULL OR leased_until < now())
ORDER BY received_on, id LIMIT %s FOR UPDATE SKIP LOCKED
"""

_LEASE = """
UPDATE integrations_inboundevent
SET attempt = attempt + 1, lease = %s, leased_until = now() + make_interval(secs => %s)
WHERE id = ANY (%s::bigint[])
RETURNING id, received_at, service, connection_id, content_type, query, body, attempt
"""

_SETTLE = """
UPDATE integrations_inboundevent
SET state = CASE WHEN id = ANY (%s::bigint[]) THEN 2 ELSE 1 END, lease = NULL, leased_until = NULL, error = NULL
WHERE id = ANY (%s::bigint[]) AND state = 0 AND lease = %s
RETURNING id
"""

_FAIL = """
UPDATE integrations_inboundevent
SET state = CASE WHEN %(final)s OR attempt >= %(max)s THEN 3 ELSE 0 END, error = %(error)s, lease = NULL,
    leased_until = now() + make_interval(secs => %(backoff)s)
WHERE id = %(id)s AND state = 0 AND lease = %(lease)s
RETURNING state
"""


@dataclass(frozen=True, slots=True)
class ClaimedEvent:
    """One stored delivery in the hands of this process."""

    id: int
    received_at: datetime
    service: str
    connection_id: int
    content_type: str
    query: str
    body: bytes = field(repr=False)
    attempt: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a delivery turned out to say; nothing means that it is ignored."""

    inbound_event_id: int
    facts: tuple[ReceivedFact, ...]


def claim_inbound_events() -> tuple[int, list[ClaimedEvent]]:
    """(lease, the oldest due deliveries), counted as one more attempt. An empty list means that nothing is due."""
    lease = secrets.randbits(62)
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_DUE, [CLAIM])
        taken = _alike(cursor.fetchall())
        if not taken:
            return lease, []
        cursor.execute(_LEASE, [lease, LEASE_SECONDS, taken])
        claimed = [ClaimedEvent(*row) for row in cursor.fetchall()]
    claimed.sort(key=lambda event: event.id)
    return lease, claimed


def _alike(due: Sequence[tuple[int, int, int]]) -> list[int]:
    """Which of the due rows (id, attempt, size) go together: the oldest, and those like it.

    Never tried: as many as the budget of bytes allows; tried once: few; more often: the oldest alone. So a delivery
    that kills its process ends up alone, and only its own attempts run out.
    """
    if not due:
        return []
    tries = min(due[0][1], 2)
    most = (CLAIM, CLAIM_AGAIN, 1)[tries]
    taken: list[int] = []
    size = 0
    for event_id, attempt, length in due:
        if min(attempt, 2) != tries:
            continue
        if len(taken) == most or size >= CLAIM_BYTES:
            break
        taken.append(event_id)
        size += length
    return taken


def settle_inbound_events(
    *, lease: int, settlements: Sequence[Settlement], deliver: Callable[[Sequence[ReceivedFact]], None]
) -> int:
    """Mark deliveries done (or ignored) and give their facts to the receivers, all in one transaction.

    Only rows that this lease still holds count; returns how many. Whatever a receiver raises undoes all of it.
    """
    ids = [each.inbound_event_id for each in settlements]
    ignored = [each.inbound_event_id for each in settlements if not each.facts]
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute(_SETTLE, [ignored, ids, lease])
            kept = {row[0] for row in cursor.fetchall()}
        facts = [fact for each in settlements if each.inbound_event_id in kept for fact in each.facts]
        if facts:
            deliver(facts)
    return len(kept)


def apply_polled_facts(*, facts: Sequence[ReceivedFact], deliver: Callable[[Sequence[ReceivedFact]], None]) -> None:
    """Give the receivers what asking a service brought, in one transaction. Whatever a receiver raises undoes all of it."""
    with transaction.atomic(durable=True):
        deliver(facts)


def fail_inbound_event(*, lease: int, event: ClaimedEvent, error: str, is_final: bool) -> InboundState | None:
    """Note why a delivery could not be applied: it waits and is tried again, or is a dead letter after five attempts.

    `is_final` makes it a dead letter at once: another try would read the same body. None when the lease was lost.
    """
    backoff = BACKOFF_SECONDS[min(event.attempt, len(BACKOFF_SECONDS)) - 1]
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(
            _FAIL,
            {
                "id": event.id,
                "lease": lease,
                "error": error,
                "final": is_final,
                "max": MAX_ATTEMPTS,
                "backoff": backoff,
            },
        )
        row = cursor.fetchone()
    return InboundState(row[0]) if row else None


@transaction.atomic
def replay_failed_events(*, actor: Actor, inbound_event_ids: Sequence[int], why: str = "") -> int:
    """Let those of these deliveries that are dead letters be tried again; returns how many. One audit entry for all."""
    failed = InboundEvent.objects.select_for_update().defer("body")
    events = list(failed.filter(pk__in=inbound_event_ids, state=InboundState.FAILED).order_by("pk"))
    if not events:
        return 0
    InboundEvent.objects.filter(pk__in=[event.pk for event in events]).update(
        state=InboundState.RECEIVED, attempt=0, lease=None, leased_until=None, error=None
    )
    record_audit(
        actor=actor,
        action="replay_failed_events",
        subject=events[0],
        before={"state": InboundState.FAILED.name.lower()},
        after={"state": InboundState.RECEIVED.name.lower(), "number": len(events), "last": events[-1].pk},
        why=why,
    )
    enqueue_after_commit("integrations.dispatch_inbound")
    return len(events)


@transaction.atomic
def replay_inbound_event(*, actor: Actor, inbound_event_id: int, why: str = "") -> InboundEvent:
    """Let a dead letter or an ignored delivery be tried again from the start.

    Raises `OperationRefused` when it is waiting already or was applied.
    """
    event = InboundEvent.objects.select_for_update().defer("body").get(pk=inbound_event_id)
    if event.state not in (InboundState.FAILED, InboundState.IGNORED):
        raise OperationRefused("not_replayable", _("Only failed and ignored events can be replayed."))
    before = {"state": InboundState(event.state).name.lower(), "error": event.error or ""}
    event.state, event.attempt, event.lease, event.leased_until, event.error = (
        InboundState.RECEIVED,
        0,
        None,
        None,
        None,
    )
    event.save(update_fields=["state", "attempt", "lease", "leased_until", "error"])
    owner = Connection.objects.select_related("client").filter(pk=event.connection_id).first()
    record_audit(
        actor=actor,
        action="replay_inbound_event",
        subject=event,
        client=owner.client if owner else None,
        before=before,
        after={"state": InboundState.RECEIVED.name.lower()},
        why=why,
    )
    enqueue_after_commit("integrations.dispatch_inbound")
    return event
