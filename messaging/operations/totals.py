"""Folding tallies into totals."""

from functools import partial

from django.db import connection, transaction

from agency.kit import metrics
from messaging.states import RecipientState


@transaction.atomic
def fold_tallies(*, limit: int = 50_000) -> int:
    """Add the waiting tally rows to the totals and delete them, in one transaction. Returns how many were folded."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH picked AS (
                DELETE FROM messaging_tally WHERE id = ANY(ARRAY(SELECT id FROM messaging_tally ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED))
                RETURNING job_id, state, reason, number
            ), summed AS (SELECT job_id, state, reason, sum(number) AS number FROM picked GROUP BY job_id, state, reason),
            folded AS (
                INSERT INTO messaging_jobtotal AS t (job_id, state, reason, number)
                SELECT job_id, state, reason, number FROM summed ORDER BY job_id, state, reason
                ON CONFLICT (job_id, state, reason) DO UPDATE SET number = t.number + EXCLUDED.number
            )
            SELECT state, COALESCE(sum(number) FILTER (WHERE number > 0), 0), count(*) FROM picked GROUP BY state
            """,
            [limit],
        )
        folded = 0
        for state, entered, rows in cursor.fetchall():
            folded += int(rows)
            if state not in (RecipientState.PENDING, RecipientState.LEASED):
                outcome = RecipientState(state).name.lower()
                transaction.on_commit(partial(metrics.add, "sends", int(entered), outcome=outcome))
    return folded
