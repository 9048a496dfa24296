"""A run as it moves: totals read at most once a second per job, however many people watch, and the rate they make."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache

from campaigns.outreach.models import Execution
from campaigns.outreach.selectors.executions import OPEN_EXECUTIONS
from messaging.selectors.totals import Funnel, funnel
from messaging.states import Reason, RecipientState

KEEP_SECONDS = 60  # how far back the rate looks
READ_EVERY = 1  # seconds


@dataclass(frozen=True, slots=True)
class Live:
    """The people of a run, and its pace. `per_second` is over the last minute; `seconds_left` None where nothing moves."""

    funnel: Funnel
    state: str
    prepared: int  # percent of the contacts looked at while the audience is written; 100 afterwards
    per_second: float
    seconds_left: float | None

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
    pending = found.of(RecipientState.PENDING, RecipientState.LEASED)
    rate = _rate(kept["marks"])
    return Live(
        funnel=found,
        state=kept["state"],
        prepared=kept["prepared"],
        per_second=rate,
        seconds_left=pending / rate if rate and kept["prepared"] == 100 else None,
    )


def _read(execution_id: int, before: Mapping[str, Any]) -> dict[str, Any]:
    execution = Execution.objects.select_related("job").get(pk=execution_id)
    found = funnel([execution.job_id])
    pending = found.of(RecipientState.PENDING, RecipientState.LEASED)
    now = time.time()
    marks = [mark for mark in before.get("marks", []) if mark[0] > now - KEEP_SECONDS]
    written = execution.job.audience_complete
    share = 100 * execution.prepared_to // execution.audience_to if execution.audience_to else 0
    return {
        "counts": [(int(state), int(reason), number) for (state, reason), number in found.counts.items()],
        "state": execution.state,
        "prepared": 100 if written else min(share, 99),
        "marks": [*marks, (now, found.targeted - pending)] if written else [],
    }


def _rate(marks: list[tuple[float, int]]) -> float:
    """People done with per second, over what is known of the last minute."""
    if len(marks) < 2 or marks[-1][0] - marks[0][0] < 0.5:
        return 0.0
    return max(0.0, (marks[-1][1] - marks[0][1]) / (marks[-1][0] - marks[0][0]))
