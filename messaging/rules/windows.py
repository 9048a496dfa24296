"""When the clock allows a message: daily window, weekdays, holidays, dates of the client's own.

What counts is what the clock on the wall of the policy's zone reads. From that one sentence the edges of summer time follow:

- A window that the skipped hour swallows whole does not exist on that day; one that begins inside it opens with the first instant after it.
- In the repeated hour each of its two passes is judged by its reading, so 23:00–23:30 is open twice.
- A day without midnight (America/Santiago in September) begins with its first instant.

An overnight window (22:00–06:00) belongs to the day it opens on: "Friday" goes on until Saturday 06:00. A holiday or blackout date is a
whole calendar day, from its first instant to its last, and cuts off what an overnight window would have had of it.
"""

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

from messaging.rules.holiday_calendars import holidays_of
from messaging.rules.zones import zone

EVERY_DAY = frozenset(range(1, 8))
LONGEST_WAIT_DAYS = 400
_DAY = dt.timedelta(days=1)
_MINUTE = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class OpenHours:
    """`start` (included) and `end` (excluded) in whole minutes, equal for the whole day; `weekdays` as ISO numbers, Monday 1."""

    start: dt.time = dt.time(0)
    end: dt.time = dt.time(0)
    weekdays: frozenset[int] = EVERY_DAY
    holidays: tuple[str, ...] = ()
    blackout: frozenset[dt.date] = frozenset()

    @property
    def always(self) -> bool:
        """True when no instant is ever closed."""
        return self.start == self.end and self.weekdays == EVERY_DAY and not self.holidays and not self.blackout

    def blacked_out(self, day: dt.date) -> bool:
        """True on a holiday of one of the calendars and on a date of the client's own."""
        return day in self.blackout or any(day in holidays_of(name, day.year) for name in self.holidays)

    def allows(self, wall: dt.datetime) -> bool:
        """Whether a message may go while the wall clock reads this."""
        if self.blacked_out(wall.date()):
            return False
        reading = wall.time()
        if self.start == self.end:
            return wall.isoweekday() in self.weekdays
        if self.start < self.end:
            return self.start <= reading < self.end and wall.isoweekday() in self.weekdays
        if reading >= self.start:
            return wall.isoweekday() in self.weekdays
        return reading < self.end and (wall - _DAY).isoweekday() in self.weekdays


def next_open(hours: OpenHours, zone_name: str, now: dt.datetime) -> dt.datetime | None:
    """The earliest instant not before `now` that is open; None when there is none in 400 days.

    Cheap for many contacts: windows and zone offsets change at whole minutes only, so the answer is looked up per zone and minute.
    """
    if hours.always:
        return now
    minute = now.astimezone(dt.UTC).replace(second=0, microsecond=0)
    opening = _opening(hours, zone_name, minute)
    return now if opening == minute else opening


@lru_cache(maxsize=8192)
def _opening(hours: OpenHours, zone_name: str, minute: dt.datetime) -> dt.datetime | None:
    """The first open whole minute (UTC) from `minute` on."""
    place = zone(zone_name)
    local = minute.astimezone(place)
    if hours.allows(local):
        return minute
    for ahead in range(-1, LONGEST_WAIT_DAYS + 1):
        day = local.date() + ahead * _DAY
        found = _openings(hours, place, day, minute)
        if found:
            # A clock set back across midnight makes the next day begin before this one has ended.
            return min(found + _openings(hours, place, day + _DAY, minute))
    return None


def _openings(hours: OpenHours, place: ZoneInfo, day: dt.date, after: dt.datetime) -> list[dt.datetime]:
    """Instants later than `after` and reading this local day at which it opens: its first instant, the window's start, a jump of the clock."""
    if hours.blacked_out(day):
        return []
    walls = (dt.datetime.combine(day, dt.time(0)), dt.datetime.combine(day, hours.start))
    instants = {wall.replace(tzinfo=place, fold=fold).astimezone(dt.UTC) for wall in walls for fold in (0, 1)}
    instants |= _clock_jumps(place, day)
    readings = ((instant, instant.astimezone(place)) for instant in instants if instant > after)
    return [instant for instant, wall in readings if wall.date() == day and hours.allows(wall)]


def _clock_jumps(place: ZoneInfo, day: dt.date) -> set[dt.datetime]:
    """The instants at which the zone's offset changes on or beside a local day: hardly ever any, at most two."""
    noon = dt.datetime.combine(day, dt.time(12), dt.UTC)
    edges = [noon + hours * dt.timedelta(hours=1) for hours in (-30, -6, 18, 42)]
    return {
        _jump(place, before, after)
        for before, after in zip(edges, edges[1:], strict=False)
        if before.astimezone(place).utcoffset() != after.astimezone(place).utcoffset()
    }


def _jump(place: ZoneInfo, before: dt.datetime, after: dt.datetime) -> dt.datetime:
    """The first instant in (before, after] with the later offset, by halving."""
    offset = before.astimezone(place).utcoffset()
    while after - before > _MINUTE:
        middle = before + (after - before) // 2
        middle = middle.replace(second=0, microsecond=0)
        if middle.astimezone(place).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
