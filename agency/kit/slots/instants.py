"""From a rule and a time zone to instants: the one function that Beat, catch-up and every forecast ask.

Two rules for the two nights a year on which clocks change:

- a local time that does not exist (clocks go forward) gives the instant that the old offset names, so 02:30 becomes
  03:30: the slot is late, never lost;
- a local time that exists twice (clocks go back) gives its first instant only, except for rules of the kind "every
  hour", which go on through both.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from heapq import heappop, heappush
from zoneinfo import ZoneInfo

from agency.kit.slots.rules import Rule

# Local dates looked at before and after the interval: no zone has ever skipped or repeated more than one day.
_MARGIN = timedelta(days=1)
# How far ahead the next slot is looked for, in growing steps: 29 February is at most eight years away.
_HORIZONS = tuple(timedelta(days=days) for days in (1, 8, 40, 400, 3000))


def slots(rule: Rule, zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the instants (UTC, ascending, each once) of the rule with `after < instant <= until`; lazy.

    Both bounds are aware. Splitting an interval and joining the parts gives the same as asking for the whole.
    """
    first = after.astimezone(zone).date() - _MARGIN
    last = until.astimezone(zone).date() + _MARGIN
    waiting: list[datetime] = []
    previous: datetime | None = None
    reached = None
    for wall in rule.walls(first, last):
        if wall.date() != reached:
            reached = wall.date()
            # What a later date names cannot come before the midnight that began the day before this one.
            settled = _first_instant(datetime.combine(reached - _MARGIN, time()), zone)
            while waiting and waiting[0] < settled:
                instant = heappop(waiting)
                if instant != previous and after < instant <= until:
                    yield instant
                previous = instant
        for instant in wall_instants(wall, zone, rule.follows_elapsed_time):
            heappush(waiting, instant)
    while waiting:
        instant = heappop(waiting)
        if instant != previous and after < instant <= until:
            yield instant
        previous = instant


def next_slot(rule: Rule, zone: ZoneInfo, after: datetime) -> datetime | None:
    """Return the first instant later than `after`, or None when the rule has none in the next eight years."""
    start = after
    for horizon in _HORIZONS:
        until = after + horizon
        for instant in slots(rule, zone, start, until):
            return instant
        start = until
    return None


def wall_instants(wall: datetime, zone: ZoneInfo, both: bool) -> Iterator[datetime]:
    """Yield the instant of a local time; with `both`, also the second one of a time that exists twice."""
    first = _first_instant(wall, zone)
    yield first
    if both:
        second = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
        if second > first:
            yield second


def _first_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    # fold=0 means the first of two, and the offset before the change for a time that does not exist (PEP 495).
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
