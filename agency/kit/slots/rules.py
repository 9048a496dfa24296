"""The rules a schedule may follow, as values: each one lists the wall-clock times it names.

A rule knows no time zone, no clock and no database. `walls(first, last)` yields the local times (naive, ascending) it
names on the local dates from `first` to `last`, both included; `agency.kit.slots.instants` turns them into instants.
`str(rule)` is the text that `agency.kit.slots.text.parse_rule` reads back.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from dateutil.rrule import rrule, rruleset, rrulestr

from agency.kit.slots.cron import DAY, HOUR, MINUTE, MONTH, WEEKDAY, cron_field

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LAST_DAY = -1
_DAY = timedelta(days=1)
_QUARTER_ENDS = frozenset({3, 6, 9, 12})


class RuleError(ValueError):
    """A rule that cannot be followed; the text says what to write instead."""


@dataclass(frozen=True, slots=True)
class Once:
    """One single local time."""

    at: datetime

    def __post_init__(self) -> None:
        if self.at.tzinfo is not None:
            raise RuleError("a single time is written without a time zone: the schedule has its own")

    def walls(self, first: date, last: date) -> Iterator[datetime]:
        """Yield the one local time if it lies between the dates."""
        if first <= self.at.date() <= last:
            yield self.at

    @property
    def follows_elapsed_time(self) -> bool:
        """False: a repeated hour gives one slot."""
        return False

    def __str__(self) -> str:
        exact = self.at.second or self.at.microsecond
        return f"once {self.at.isoformat(timespec='auto' if exact else 'minutes')}"


@dataclass(frozen=True, slots=True)
class Daily:
    """Every day, at one or more times."""

    at: tuple[time, ...]

    def walls(self, first: date, last: date) -> Iterator[datetime]:
        """Yield each time of each day."""
        return _on_days(_days(first, last), self.at)

    @property
    def follows_elapsed_time(self) -> bool:
        """False: a repeated hour gives one slot."""
        return False

    def __str__(self) -> str:
        return f"daily {_times_text(self.at)}"


@dataclass(frozen=True, slots=True)
class Weekly:
    """On some weekdays (Monday is 0), at one or more times."""

    weekdays: frozenset[int]
    at: tuple[time, ...]

    def walls(self, first: date, last: date) -> Iterator[datetime]:
        """Yield each time of each named weekday."""
        return _on_days((day for day in _days(first, last) if day.weekday() in self.weekdays), self.at)

    @property
    def follows_elapsed_time(self) -> bool:
        """False: a repeated hour gives one slot."""
        return False

    def __str__(self) -> str:
        return f"weekly {','.join(WEEKDAYS[day] for day in sorted(self.weekdays))} {_times_text(self.at)}"


@dataclass(frozen=True, slots=True)
class Monthly:
    """On one day of each month; a month without that day uses its last one. `LAST_DAY` is the last day itself."""

    day: int
    at: tuple[time, ...]

    def walls(self, first: date, last: date) -> Iterator[datetime]:
        """Yield each time of the month's day."""
        days = (_day_of_month(year, month, self.day) for year, month in _months(first, last))
        return _on_days((day for day in days if first <= day <= last), self.at)

    @property
    def follows_elapsed_time(self) -> bool:
        """False: a repeated hour gives one slot."""
        return False

    def __str__(self) -> str:
        return f"monthly {'last' if self.day == LAST_DAY else self.day} {_times_text(self.at)}"


@dataclass(frozen=True, slots=True)
class QuarterEnd:
    """On the last day of each calendar quarter."""

    at: tuple[time, ...]

    def walls(self, first: date, last: date) -> Iterator[datetime]:
        """Yield each time of 31 March, 30 June, 30 September and 31 December."""
        days = (_day_of_month(year, month, LAST_DAY) for year, month in _months(first, last) if month in _QUARTER_ENDS)
        return _on_days((day for day in days if first <= day <= last), self.at)

    @property
    def follows_elapsed_time(self) -> bool:
        """False: a repeated hour gives one slot."""
        return False

    def __str__(self) -> str:
        return f"quarter-end {_times_text(self.at)}"


@dataclass(frozen=True, slots=True)
class Cron:
    """Five cron fields as Celery reads them: a day must match day of month *and* month *and* day of week (Sunday 0)."""

    minute: str
    hour: str
    day_of_month: str
    month: str
    day_of_week: str

    def __post_init__(self) -> None:
        _cron_fields(self)

    def walls(self, first: date, last: date) -> Iterator[datetime]:
        """Yield each matching minute."""
        fields = _cron_fields(self)
        days = (
            day
            for day in _days(first, last)
            if day.month in fields.months and day.day in fields.days and day.isoweekday() % 7 in fields.weekdays
        )
        return _on_days(days, fields.times)

    @property
    def follows_elapsed_time(self) -> bool:
        """True for "every hour" and "every n hours": such a rule goes on through a repeated hour."""
        return self.hour.startswith("*")

    def __str__(self) -> str:
        return f"cron {self.minute} {self.hour} {self.day_of_month} {self.month} {self.day_of_week}"


@dataclass(frozen=True, slots=True)
class Recurrence:
    """An RFC 5545 recurrence in local time: DTSTART and RRULE (also RDATE, EXRULE, EXDATE), none with a time zone."""

    lines: str

    def __post_init__(self) -> None:
        _recurrence(self.lines)

    def walls(self, first: date, last: date) -> Iterator[datetime]:
        """Yield each occurrence between the dates."""
        for occurrence in _recurrence(self.lines):
            if occurrence.date() > last:
                return
            if occurrence.date() >= first:
                yield occurrence

    @property
    def follows_elapsed_time(self) -> bool:
        """True for FREQ=HOURLY: such a rule goes on through a repeated hour."""
        return "FREQ=HOURLY" in self.lines.upper()

    def __str__(self) -> str:
        return f"rrule {self.lines.replace(chr(10), ' ')}"


Rule = Once | Daily | Weekly | Monthly | QuarterEnd | Cron | Recurrence


@dataclass(frozen=True, slots=True)
class _CronFields:
    times: tuple[time, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]


@lru_cache(maxsize=512)
def _cron_fields(cron: Cron) -> _CronFields:
    try:
        minutes = sorted(cron_field(cron.minute, MINUTE))
        hours = sorted(cron_field(cron.hour, HOUR))
        days, months = cron_field(cron.day_of_month, DAY), cron_field(cron.month, MONTH)
        weekdays = cron_field(cron.day_of_week, WEEKDAY)
    except ValueError as error:
        raise RuleError(f"not a cron rule: {error}") from error
    # 2028 is a leap year: a day that no month has there, no month ever has.
    if not any(day <= calendar.monthrange(2028, month)[1] for month in months for day in days):
        raise RuleError("not a cron rule: no such month has such a day")
    times = tuple(time(hour, minute) for hour in hours for minute in minutes)
    return _CronFields(times, days, months, weekdays)


@lru_cache(maxsize=512)
def _recurrence(lines: str) -> rrule | rruleset:
    if "DTSTART:" not in lines.upper():
        raise RuleError("a recurrence needs its first time in local time: DTSTART:20260131T090000")
    if re.search(r"TZID|\dZ\b", lines, re.IGNORECASE):
        raise RuleError(
            "a recurrence is written in local time, without TZID and without Z: the schedule has its own zone"
        )
    # Finer than hours would be counted from DTSTART at every look, minutes of years: cron says the same cheaply.
    if re.search(r"FREQ=(MINUTELY|SECONDLY)|BYSECOND", lines, re.IGNORECASE):
        raise RuleError("a recurrence repeats at most hourly; write minutes as a cron rule")
    try:
        return rrulestr(lines)
    except (ValueError, TypeError) as error:
        raise RuleError(f"not a recurrence: {error}") from error


def _on_days(days: Iterable[date], times: tuple[time, ...]) -> Iterator[datetime]:
    for day in days:
        for moment in times:
            yield datetime.combine(day, moment)


def _days(first: date, last: date) -> Iterator[date]:
    day = first
    while day <= last:
        yield day
        day += _DAY


def _months(first: date, last: date) -> Iterator[tuple[int, int]]:
    year, month = first.year, first.month
    while (year, month) <= (last.year, last.month):
        yield year, month
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def _day_of_month(year: int, month: int, day: int) -> date:
    length = calendar.monthrange(year, month)[1]
    return date(year, month, length if day == LAST_DAY else min(day, length))


def _times_text(times: tuple[time, ...]) -> str:
    return ",".join(moment.strftime("%H:%M") for moment in times)
