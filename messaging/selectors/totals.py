"""How many recipients of a job are where, without counting them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import connection

from messaging.states import REACHED_STATES, Reason, RecipientState


@dataclass(frozen=True, slots=True)
class Funnel:
    """The people of one or more jobs by state and reason; leased ones count as pending."""

    counts: Mapping[tuple[RecipientState, Reason], int]

    def of(self, *states: RecipientState) -> int:
        """People in these states."""
        return sum(number for (state, _), number in self.counts.items() if state in states)

    @property
    def targeted(self) -> int:
        """Everybody who was added."""
        return sum(self.counts.values())

    @property
    def accepted(self) -> int:
        """People whose message the provider accepted, whatever became of it since (but for those it failed later)."""
        return self.of(*REACHED_STATES)

    def by_reason(self, state: RecipientState) -> dict[Reason, int]:
        """The people of one state by reason, most first."""
        found = {reason: number for (known, reason), number in self.counts.items() if known == state and number}
        return dict(sorted(found.items(), key=lambda item: -item[1]))


def funnel(job_ids: Sequence[int]) -> Funnel:
    """The folded totals plus the tallies not folded yet, in one statement and so at one instant."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT state, reason, sum(number)::bigint FROM (
                SELECT state, reason, number FROM messaging_jobtotal WHERE job_id = ANY(%(jobs)s)
                UNION ALL SELECT state, reason, number FROM messaging_tally WHERE job_id = ANY(%(jobs)s)
            ) AS counted GROUP BY state, reason
            """,
            {"jobs": list(job_ids)},
        )
        return Funnel(
            {
                (RecipientState(state), Reason(reason)): int(number)
                for state, reason, number in cursor.fetchall()
                if number
            }
        )


def counted_funnel(job_id: int) -> Funnel:
    """The same by counting the rows: the truth that `verify_totals` compares the tallies with."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT CASE WHEN state = 1 THEN 0 ELSE state END, CASE WHEN state IN (0, 1) THEN 0 ELSE reason END, count(*) "
            "FROM messaging_recipient WHERE job_id = %s GROUP BY 1, 2",
            [job_id],
        )
        return Funnel(
            {(RecipientState(state), Reason(reason)): int(number) for state, reason, number in cursor.fetchall()}
        )
