"""Which of the waiting jobs one round of the dispatcher looks at, when there are more than it can."""

from django.db import connection

ROUND = 500  # jobs of one round
FLOOR = 50  # of them, so many from the lowest priorities: what waits behind urgent jobs without end is looked at too

# One step along the index `job_turn` for each priority and client that has running jobs, then each one's oldest: however many jobs one
# client has waiting, the others' are found without reading them. `place` lets every client have its first before any has its second.
_DUE = """
WITH RECURSIVE queue (priority, client_id) AS (
    (SELECT priority, client_id FROM messaging_sendjob WHERE state = 1 AND next_wave_at IS NOT NULL ORDER BY priority, client_id LIMIT 1)
    UNION ALL
    SELECT following.priority, following.client_id FROM queue CROSS JOIN LATERAL (
        SELECT priority, client_id FROM messaging_sendjob
        WHERE state = 1 AND next_wave_at IS NOT NULL AND (priority, client_id) > (queue.priority, queue.client_id)
        ORDER BY priority, client_id LIMIT 1
    ) AS following
), due AS MATERIALIZED (
    SELECT oldest.id, queue.priority, oldest.next_wave_at,
           row_number() OVER (PARTITION BY queue.priority, queue.client_id ORDER BY oldest.next_wave_at, oldest.id) AS place
    FROM queue CROSS JOIN LATERAL (
        SELECT id, next_wave_at FROM messaging_sendjob
        WHERE state = 1 AND priority = queue.priority AND client_id = queue.client_id AND next_wave_at <= statement_timestamp()
        ORDER BY next_wave_at LIMIT %(round)s
    ) AS oldest
)
(SELECT id FROM due ORDER BY priority DESC, place, next_wave_at LIMIT %(urgent)s)
UNION (SELECT id FROM due ORDER BY priority, place, next_wave_at LIMIT %(floor)s)
"""


def jobs_of_round() -> list[int]:
    """Ids of at most `ROUND` due jobs: the most urgent, each client's oldest before any client's second, and a few of the least urgent."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"round": ROUND, "urgent": ROUND - FLOOR, "floor": FLOOR})
        return [job_id for (job_id,) in cursor.fetchall()]
