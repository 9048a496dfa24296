"""How many messages a run sent, minute by minute or hour by hour: counted from its rows, kept for a while, so that a page may ask often."""

import datetime as dt
import time
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from campaigns.outreach.models import Execution
from campaigns.outreach.selectors.audience import within

COUNT_MILLISECONDS = 1_500
FRESH_SECONDS = 10  # while the run goes on
KEPT_SECONDS = 300  # afterwards, and where counting took too long
REST = 40  # counting costs at most a fortieth of the database's time: what took a second is not asked again for forty
FINE_FOR = dt.timedelta(hours=2)
MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SentCurve:
    """Messages per `step` (a minute for a run of up to two hours, else an hour); only steps with messages, oldest first."""

    step: dt.timedelta
    points: tuple[tuple[dt.datetime, int], ...]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(number for _at, number in self.points)

    def since(self, moment: dt.datetime) -> int:
        """Those of the steps that began at or after `moment`."""
        return sum(number for at, number in self.points if at >= moment)


def sent_curve(execution: Execution) -> SentCurve | None:
    """The curve as of some seconds ago; None where its rows cannot be counted within two seconds."""
    key = f"outreach:curve:{execution.pk}"
    kept: dict[str, Any] | None = cache.get(key)
    if kept is None:
        end = execution.finished_at or timezone.now()
        step = MINUTE if end - execution.started_at <= FINE_FOR else HOUR
        begun = time.monotonic()
        points = within(COUNT_MILLISECONDS, lambda: _count(execution.job_id, step))
        fresh = max(FRESH_SECONDS, REST * (time.monotonic() - begun))
        kept = {"step": step, "points": points}
        cache.set(key, kept, fresh if points is not None and execution.finished_at is None else KEPT_SECONDS)
    return None if kept["points"] is None else SentCurve(kept["step"], kept["points"])


def _count(job_id: int, step: dt.timedelta) -> tuple[tuple[dt.datetime, int], ...]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT date_trunc(%s, sent_at, 'UTC') AS began, count(*) FROM messaging_recipient "
            "WHERE job_id = %s AND sent_at IS NOT NULL GROUP BY 1 ORDER BY 1",
            ["minute" if step == MINUTE else "hour", job_id],
        )
        return tuple((began, int(number)) for began, number in cursor.fetchall())
