"""Whether Beat is alive: for `/readyz`, `doctor`, metrics and the home page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

_STATE = """
SELECT holder, term, extract(epoch FROM clock_timestamp() - renewed_at), expires_at > clock_timestamp(),
       ticked_at, published_at, extract(epoch FROM clock_timestamp() - ticked_at),
       extract(epoch FROM clock_timestamp() - published_at)
FROM automations_beatlease WHERE name = 'beat'
"""
_COUNTS = """
SELECT count(*) FILTER (WHERE state = 'missed'), count(*) FILTER (WHERE state = 'failed')
FROM automations_slot WHERE state IN ('missed', 'failed') AND slot > clock_timestamp() - interval '24 hours'
"""
_WAITING = """
SELECT count(*) FROM automations_slot
WHERE state = 'due' AND created_at < clock_timestamp() - interval '60 seconds'
"""


@dataclass(frozen=True, slots=True)
class BeatState:
    """Beat as the database sees it; ages in seconds.

    `alive`: somebody holds the lease. `age`: since its last renewal. `tick_age`: since the holder's last complete pass
    over the schedules, `publish_age`: since the broker last took a message (None: never). `waiting`: slots that no worker
    took within a minute. `missed` and `failed`: slots of the last 24 hours that were not made up, or never ended.
    """

    holder: str = ""
    term: int = 0
    alive: bool = False
    age: float | None = None
    tick_age: float | None = None
    publish_age: float | None = None
    last_tick: datetime | None = None
    last_published: datetime | None = None
    waiting: int = 0
    missed: int = 0
    failed: int = 0


def beat_state() -> BeatState:
    """Return the state of Beat; a database that never saw one gives a state that is not alive."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS)
        missed, failed = cursor.fetchone()
        cursor.execute(_WAITING)
        (waiting,) = cursor.fetchone()
        cursor.execute(_STATE)
        row = cursor.fetchone()
    if row is None:
        return BeatState(waiting=waiting, missed=missed, failed=failed)
    holder, term, age, alive, ticked_at, published_at, tick_age, publish_age = row
    return BeatState(
        holder=holder,
        term=term,
        alive=alive,
        age=float(age),
        tick_age=None if tick_age is None else float(tick_age),
        publish_age=None if publish_age is None else float(publish_age),
        last_tick=ticked_at,
        last_published=published_at,
        waiting=waiting,
        missed=missed,
        failed=failed,
    )
