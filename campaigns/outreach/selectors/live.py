"""A run as it moves: totals read at most once a second per job, however many people watch, and the rate they make."""

import datetime as dt
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from agency.selectors.freeze import current_freeze
from campaigns.outreach.models import Execution
from campaigns.outreach.selectors.curve import sent_curve
from campaigns.outreach.selectors.executions import OPEN_EXECUTIONS
from campaigns.outreach.selectors.forecast import rest_forecast
from campaigns.outreach.states import ExecutionState
from messaging.models import SendJob
from messaging.rules.policy import SendPolicy, job_not_before
from messaging.selectors.totals import Funnel, funnel
from messaging.states import Reason, RecipientState

KEEP_SECONDS = 60  # how far back the rate looks
READ_EVERY = 1  # seconds
FORESEE_EVERY = 15  # seconds


@dataclass(frozen=True, slots=True)
class Live:
    """The people of a run, and its pace. `per_second` is over the last minute. `finish_at` None: ended, paused, frozen, or nobody can tell."""

    funnel: Funnel
    state: str
    prepared: int  # percent of the contacts looked at while the audience is written; 100 afterwards
    per_second: float
    finish_at: dt.datetime | None
    frozen: str  # why all sending is frozen; empty while it is not, or for an ended run
    opens_at: dt.datetime | None  # while the sending rules of the run keep everybody waiting: until then

    @property
    def ended(self) -> bool:
        """Whether nothing will be sent any more."""
        return self.state not in OPEN_EXECUTIONS


def live_execution(execution_id: int) -> Live:
    """The present state of a run. Raises `Execution.DoesNotExist`."""
    key = f"outreach:live:{execution_id}"
    if cache.add(f"{key}:read", 1, READ_EVERY) or (kept := cache.get(key)) is None:
        kept = _read(execution_id, cache.get(key) or {})
        cache.set(key, kept, KEEP_SECONDS)
    counts = {(RecipientState(state), Reason(reason)): number for state, reason, number in kept["counts"]}
    found = Funnel(counts)
    rate = _rate(kept["marks"])
    return Live(
        funnel=found,
        state=kept["state"],
        prepared=kept["prepared"],
        per_second=rate,
        finish_at=_at_this_rate(found, rate) if kept["steady"] and rate else kept["finish_at"],
        frozen=kept["frozen"],
        opens_at=kept["opens_at"],
    )


def _at_this_rate(found: Funnel, rate: float) -> dt.datetime:
    waiting = found.of(RecipientState.PENDING, RecipientState.LEASED)
    return timezone.now() + min(dt.timedelta(seconds=waiting / rate), dt.timedelta(days=36_500))


def _read(execution_id: int, before: Mapping[str, Any]) -> dict[str, Any]:
    execution = Execution.objects.select_related("job__client", "campaign__client", "campaign__pool").get(
        pk=execution_id
    )
    found = funnel([execution.job_id])
    pending = found.of(RecipientState.PENDING, RecipientState.LEASED)
    now = time.time()
    marks = [mark for mark in before.get("marks", []) if mark[0] > now - KEEP_SECONDS]
    freeze = current_freeze() if execution.state in OPEN_EXECUTIONS else None
    written = execution.job.audience_complete
    share = 100 * execution.prepared_to // execution.audience_to if execution.audience_to else 0
    going = bool(not freeze and written and pending and execution.state == ExecutionState.RUNNING)
    foreseen_at, finish_at = before.get("foreseen_at", 0.0), before.get("finish_at")
    if going and now > foreseen_at + FORESEE_EVERY:
        foreseen_at, finish_at = now, _finish(execution, pending)
    return {
        # Where nothing but the senders' pace limits it, the rate of the last minute tells the end best.
        "steady": going and not (execution.job.rate_per_hour or execution.job.max_per_day),
        "foreseen_at": foreseen_at,
        "finish_at": finish_at if going else None,
        "counts": [(int(state), int(reason), number) for (state, reason), number in found.counts.items()],
        "state": execution.state,
        "frozen": freeze.why if freeze else "",
        "opens_at": _opens_at(execution.job) if pending else None,
        "prepared": 100 if written else min(share, 99),
        "marks": [*marks, (now, found.targeted - pending)] if written else [],
    }


def _finish(execution: Execution, pending: int) -> dt.datetime | None:
    return rest_forecast(execution, pending, sent_curve(execution), timezone.now()).finish_at


def _opens_at(job: SendJob) -> dt.datetime | None:
    """When the window, weekdays, holidays and dates of the job open again; None while they are open, or where each person's zone decides."""
    policy, now = SendPolicy.from_json(job.policy), timezone.now()
    if policy.per_contact_zone:
        return None
    opening = job_not_before(policy, policy.zone_name(agency=settings.TIME_ZONE, client=job.client.time_zone), now)
    return opening if isinstance(opening, dt.datetime) and opening > now else None


def _rate(marks: list[tuple[float, int]]) -> float:
    """People done with per second, over what is known of the last minute."""
    if len(marks) < 2 or marks[-1][0] - marks[0][0] < 0.5:
        return 0.0
    return max(0.0, (marks[-1][1] - marks[0][1]) / (marks[-1][0] - marks[0][0]))
