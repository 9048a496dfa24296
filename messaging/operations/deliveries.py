"""Delivery events: what providers report moves recipients forward, never back, in any order, any number of times."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from agency.kit import arrays
from messaging.states import RecipientState


@dataclass(frozen=True, slots=True)
class StatusReport:
    """One status of one message as a provider told it. `reference` is our recipient id, 0 where the provider does not echo it."""

    received_on: date
    connection_id: int
    provider_event_id: str
    provider_message_id: str
    reference: int
    state: RecipientState
    occurred_at: datetime
    code: str | None = None


@transaction.atomic
def apply_status_reports(*, reports: Sequence[StatusReport]) -> int:
    """Store the reports, each once, and move their recipients. Returns how many recipients moved.

    A report of a message we do not know by that id yet is kept, and applied by `apply_early_reports` when we do.
    """
    if not reports:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            _STORE,
            {
                "days": arrays.times([report.received_on for report in reports]),
                "connections": arrays.numbers([report.connection_id for report in reports]),
                "events": arrays.texts([report.provider_event_id for report in reports]),
                "messages": arrays.texts([report.provider_message_id for report in reports]),
                "references": arrays.numbers([report.reference or None for report in reports]),
                "states": arrays.numbers([report.state for report in reports]),
                "times": arrays.times([report.occurred_at for report in reports]),
                "codes": arrays.texts([report.code for report in reports]),
            },
        )
        stored = [row for row in cursor.fetchall() if row[0] is not None]
        return _advance(cursor, stored)


@transaction.atomic
def apply_early_reports(*, limit: int = 5_000) -> int:
    """Apply kept reports whose message has become known by its provider id since. Returns how many recipients moved."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH known AS (
                SELECT e.id, m.recipient_id, r.job_id FROM messaging_deliveryevent e
                JOIN messaging_messagereference m ON m.connection_id = e.connection_id AND m.provider_message_id = e.provider_message_id
                JOIN messaging_recipient r ON r.id = m.recipient_id
                WHERE e.recipient_id IS NULL ORDER BY e.id LIMIT %s FOR UPDATE OF e SKIP LOCKED
            )
            UPDATE messaging_deliveryevent e SET recipient_id = known.recipient_id, job_id = known.job_id FROM known WHERE e.id = known.id
            RETURNING e.recipient_id, e.state, e.provider_message_id, e.code, e.occurred_at
            """,
            [limit],
        )
        return _advance(cursor, cursor.fetchall())


# A reference counts only where the recipient was really handed to a sender of the connection that reports: nobody can
# move another client's message. Where the provider does not echo it, the id it gave us is looked up.
# Of a person who was erased (empty variables) the provider's ids are not kept: WhatsApp's hold the phone number.
_STORE = """
WITH report AS (
    SELECT * FROM unnest(%(days)s::date[], %(connections)s::bigint[], %(events)s::text[], %(messages)s::text[], %(references)s::bigint[],
                         %(states)s::smallint[], %(times)s::timestamptz[], %(codes)s::text[])
    AS e (received_on, connection_id, provider_event_id, provider_message_id, reference, state, occurred_at, code)
), matched AS (
    SELECT e.*, r.id AS recipient_id, r.job_id, COALESCE(r.variables = '{}', false) AS erased FROM report e
    LEFT JOIN messaging_messagereference m
        ON e.reference IS NULL AND m.connection_id = e.connection_id AND m.provider_message_id = e.provider_message_id
    LEFT JOIN messaging_recipient known ON known.id = COALESCE(e.reference, m.recipient_id)
    LEFT JOIN messaging_sender s ON s.id = known.sender_id AND s.connection_id = e.connection_id
    LEFT JOIN messaging_recipient r ON r.id = known.id AND s.id IS NOT NULL
)
INSERT INTO messaging_deliveryevent
    (received_on, connection_id, provider_event_id, provider_message_id, job_id, recipient_id, state, occurred_at, code)
SELECT received_on, connection_id, CASE WHEN erased THEN md5(provider_event_id) ELSE provider_event_id END,
       CASE WHEN erased THEN '' ELSE provider_message_id END, job_id, recipient_id, state, occurred_at, code FROM matched
ON CONFLICT (received_on, connection_id, provider_event_id) DO NOTHING
RETURNING recipient_id, state, provider_message_id, code, occurred_at
"""

_ADVANCE = """
WITH report AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(reached)s::smallint[], %(failed)s::bool[], %(messages)s::text[], %(codes)s::text[], %(times)s::timestamptz[])
    AS e (id, reached, failed, provider_id, code, at)
), locked AS (
    SELECT r.id FROM messaging_recipient r JOIN report e ON e.id = r.id WHERE r.state < 80 ORDER BY r.id FOR UPDATE OF r
), changed AS (
    UPDATE messaging_recipient r
    SET state = CASE WHEN e.failed AND GREATEST(r.state, e.reached) < 20 THEN 90 ELSE GREATEST(r.state, e.reached) END,
        reason = CASE WHEN e.failed AND GREATEST(r.state, e.reached) < 20 THEN 14 ELSE 0 END,
        code = CASE WHEN e.failed THEN COALESCE(e.code, r.code) WHEN r.state < 10 THEN NULL ELSE r.code END,
        provider_id = CASE WHEN r.variables = '{}' THEN NULL ELSE COALESCE(r.provider_id, e.provider_id) END,
        sent_at = COALESCE(r.sent_at, e.at), leased_until = NULL, changed_at = now()
    FROM report e JOIN locked l ON l.id = e.id
    WHERE r.id = e.id AND (r.state < e.reached OR (e.failed AND r.state < 20))
    RETURNING r.job_id, CASE WHEN old.state = 1 THEN 0 ELSE old.state END AS was, CASE WHEN old.state IN (0, 1) THEN 0 ELSE old.reason END AS was_reason,
              new.state AS now, new.reason AS now_reason
), moved AS (
    SELECT job_id, now AS state, now_reason AS reason, 1 AS number FROM changed
    UNION ALL SELECT job_id, was, was_reason, -1 FROM changed
), tallied AS (
    INSERT INTO messaging_tally (job_id, state, reason, number)
    SELECT job_id, state, reason, sum(number)::int FROM moved GROUP BY job_id, state, reason HAVING sum(number) <> 0
)
SELECT count(*) FROM changed
"""


def _advance(cursor: CursorWrapper, rows: Sequence[tuple[int, int, str, str | None, datetime]]) -> int:
    """Move each recipient once, to the furthest of its reports."""
    reached: dict[int, int] = {}
    failed: dict[int, bool] = {}
    last: dict[int, tuple[str, str | None, datetime]] = {}
    for recipient_id, state, message_id, code, at in rows:
        failure = state == RecipientState.FAILED
        failed[recipient_id] = failed.get(recipient_id, False) or failure
        reached[recipient_id] = max(reached.get(recipient_id, 0), RecipientState.SENT if failure else state)
        known = last.get(recipient_id)
        last[recipient_id] = (message_id, code or (known[1] if known else None), min(at, known[2]) if known else at)
    if not reached:
        return 0
    ids = sorted(reached)
    cursor.execute(
        _ADVANCE,
        {
            "ids": arrays.numbers(ids),
            "reached": arrays.numbers([reached[one] for one in ids]),
            "failed": arrays.texts(["t" if failed[one] else "f" for one in ids]),
            "messages": arrays.texts([last[one][0] for one in ids]),
            "codes": arrays.texts([last[one][1] for one in ids]),
            "times": arrays.times([last[one][2] for one in ids]),
        },
    )
    (moved,) = cursor.fetchone()
    return int(moved)
