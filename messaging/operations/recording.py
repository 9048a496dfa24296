"""Recording: one short transaction writes what came of a chunk, only where the lease is still the recorder's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import connection, transaction

from agency.kit import arrays
from messaging.states import Reason, RecipientState


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one leased row. `delay` (seconds) is the wait of a row that goes back to pending; `uses_attempt` False gives the
    attempt back (waiting for a limit is not an attempt). `sent_at` is when it was accepted; of one that goes back to pending, when it may
    have been."""

    recipient_id: int
    state: RecipientState
    reason: Reason = Reason.NONE
    provider_id: str | None = None
    code: str | None = None
    sent_at: datetime | None = None
    delay: float = 0.0
    uses_attempt: bool = True
    values: dict[str, str] | None = None


# A row whose person was erased meanwhile has empty variables: of its message nothing more is written down.
_RECORD = """
WITH outcome AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(states)s::smallint[], %(reasons)s::smallint[], %(provider_ids)s::text[], %(codes)s::text[],
                         %(sent)s::timestamptz[], %(delays)s::float8[], %(attempts)s::smallint[], %(values)s::jsonb[])
    AS o (id, state, reason, provider_id, code, sent_at, delay, attempts, vars)
), locked AS (
    SELECT r.id FROM messaging_recipient r JOIN outcome o ON o.id = r.id WHERE r.lease = %(lease)s ORDER BY r.id FOR UPDATE OF r
), changed AS (
    UPDATE messaging_recipient r
    SET state = CASE WHEN r.state = 1 OR (r.state = 5 AND o.state <> 0) THEN o.state ELSE r.state END,
        reason = CASE WHEN r.state = 1 OR (r.state = 5 AND o.state <> 0) THEN o.reason ELSE r.reason END,
        attempt = r.attempt - CASE WHEN r.state = 1 THEN o.attempts ELSE 0 END,
        not_before = CASE WHEN o.state = 0 THEN now() + make_interval(secs => o.delay) ELSE r.not_before END,
        provider_id = CASE WHEN r.variables = '{}' THEN NULL ELSE COALESCE(o.provider_id, r.provider_id) END,
        code = CASE WHEN r.state = 1 OR (r.state = 5 AND o.state <> 0) THEN o.code ELSE r.code END,
        sent_at = CASE WHEN o.state = 0 THEN r.sent_at ELSE COALESCE(r.sent_at, o.sent_at) END,
        maybe_sent_at = CASE WHEN o.state = 0 THEN COALESCE(r.maybe_sent_at, o.sent_at) ELSE r.maybe_sent_at END,
        variables = CASE WHEN r.variables = '{}' THEN r.variables ELSE COALESCE(o.vars, r.variables) END,
        changed_at = now(), lease = NULL, leased_until = NULL
    FROM outcome o JOIN locked l ON l.id = o.id
    WHERE r.id = o.id
    RETURNING r.id, r.job_id, new.variables = '{}' AS erased,
              CASE WHEN old.state = 1 THEN 0 ELSE old.state END AS was, old.reason AS was_reason, new.state AS now, new.reason AS now_reason
), moved AS (
    SELECT job_id, now AS state, now_reason AS reason, 1 AS number FROM changed WHERE (was, was_reason) <> (now, now_reason)
    UNION ALL
    SELECT job_id, was, was_reason, -1 FROM changed WHERE (was, was_reason) <> (now, now_reason)
), tallied AS (
    INSERT INTO messaging_tally (job_id, state, reason, number)
    SELECT job_id, state, reason, sum(number)::int FROM moved GROUP BY job_id, state, reason
)
SELECT count(*), array_agg(id) FILTER (WHERE erased) FROM changed
"""


@dataclass(frozen=True, slots=True)
class Reference:
    """Our message by the provider's id, for a provider whose status events do not carry our reference."""

    connection_id: int
    provider_message_id: str
    recipient_id: int


@transaction.atomic
def record_outcomes(*, lease: int, outcomes: Sequence[Outcome], references: Sequence[Reference] = ()) -> int:
    """Write the outcomes of one claim. Returns how many rows were still the claim's own; the others had moved on and are left alone."""
    if not outcomes:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, _columns(outcomes) | {"lease": lease})
        number, erased = cursor.fetchone()
        if erased:
            references = [reference for reference in references if reference.recipient_id not in erased]
        if references:
            cursor.execute(
                """
                INSERT INTO messaging_messagereference (sent_on, connection_id, provider_message_id, recipient_id)
                SELECT current_date, * FROM unnest(%s::bigint[], %s::text[], %s::bigint[]) ON CONFLICT DO NOTHING
                """,
                [
                    arrays.numbers([reference.connection_id for reference in references]),
                    arrays.texts([reference.provider_message_id for reference in references]),
                    arrays.numbers([reference.recipient_id for reference in references]),
                ],
            )
    return int(number)


def _columns(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "ids": arrays.numbers([outcome.recipient_id for outcome in outcomes]),
        "states": arrays.numbers([outcome.state for outcome in outcomes]),
        "reasons": arrays.numbers([outcome.reason for outcome in outcomes]),
        "provider_ids": arrays.texts([outcome.provider_id for outcome in outcomes]),
        "codes": arrays.texts([outcome.code for outcome in outcomes]),
        "sent": arrays.times([outcome.sent_at for outcome in outcomes]),
        "delays": arrays.numbers([outcome.delay for outcome in outcomes]),
        "attempts": arrays.numbers([0 if outcome.uses_attempt else 1 for outcome in outcomes]),
        "values": arrays.texts(
            [None if outcome.values is None else orjson.dumps(outcome.values).decode() for outcome in outcomes]
        ),
    }
