"""What senders may send at this moment, as the engine itself would decide it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from messaging.limits import limiter
from messaging.limits.limiter import JobLimits, SenderLimits, Standing
from messaging.models import Sender
from messaging.selectors.limits import limits_of, warm_up_limit
from messaging.states import SenderState

ASKED = 1_000_000  # more than any sender is granted at once; that many granted means "no limit of ours"
NO_JOB = JobLimits(job_id=0)


@dataclass(frozen=True, slots=True)
class Allowance:
    """A sender's present allowance. `now` is what the engine would grant for the next 5 seconds, None for "as fast as it goes".

    `warm_up` is today's limit of the ramp, 0 when there is none; it is already part of `limits.per_day`.
    """

    sender: Sender
    limits: SenderLimits
    standing: Standing
    now: int | None
    warm_up: int

    @property
    def sends(self) -> bool:
        """Whether the engine uses it at all."""
        return self.sender.state == SenderState.ACTIVE and self.sender.connection.enabled

    @property
    def portfolio_free(self) -> int | None:
        """People beyond those already written to that its portfolio may reach in these 24 hours; None without such a limit."""
        if not (self.sender.portfolio and self.sender.portfolio_per_day):
            return None
        return max(0, self.sender.portfolio_per_day - self.standing.portfolio_people)


def allowances_now(senders: Sequence[Sender], today: dt.date) -> dict[int, Allowance]:
    """The allowance of each sender by id, in a handful of round trips for all of them. Raises `LimiterUnavailable`."""
    limits = {sender.pk: limits_of(sender, today) for sender in senders}
    standings = limiter.standing([(limits[sender.pk], sender.portfolio) for sender in senders])
    found = {}
    for sender in senders:
        grant = limiter.look_ahead(job=NO_JOB, senders=[limits[sender.pk]], want=ASKED)
        found[sender.pk] = Allowance(
            sender=sender,
            limits=limits[sender.pk],
            standing=standings[sender.pk],
            now=None if grant.total >= ASKED else grant.total,
            warm_up=warm_up_limit(sender.warm_up, sender.warm_up_from, today),
        )
    return found
