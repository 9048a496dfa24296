"""When a campaign would be done, hour by hour, by the same rules its messages are sent by. Pure.

Time is walked in steps of five minutes (fifteen after two days) for at most 60 days; beyond, the end follows from the last four weeks. Limits
over an hour or a day are counted over the 60 minutes or 24 hours before, as the engine counts them. Failures and replies are not foreseen.
"""

import datetime as dt
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from messaging.rules.policy import Never, SendPolicy, job_not_before

HORIZON = dt.timedelta(days=60)
FINE = dt.timedelta(minutes=5)
COARSE = dt.timedelta(minutes=15)
FINE_FOR = dt.timedelta(days=2)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
TREND = dt.timedelta(days=28)


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be sent: messages per second, within any hour, within any day. 0 means no such limit."""

    per_second: float
    per_hour: int = 0
    per_day: int = 0


@dataclass(frozen=True, slots=True)
class Forecast:
    """`finish_at` is None when it would never end (nothing is open, or nobody may send). `curve` has messages per clock hour (UTC), only hours
    with messages, at most 60 days. `days` are 24-hour days from the first message to the last."""

    people: int
    first_at: dt.datetime | None
    finish_at: dt.datetime | None
    days: int
    curve: tuple[tuple[dt.datetime, int], ...]
    extrapolated: bool = False


def forecast(
    people: Mapping[str, int],
    policy: SendPolicy,
    limits: Limits,
    now: dt.datetime,
    past: Sequence[tuple[dt.datetime, int]] = (),
) -> Forecast:
    """`people` by the zone that decides for them. `past` is what was sent already, oldest first: it counts against the limits."""
    total = sum(people.values())
    if total == 0:
        return Forecast(0, now, now, 0, ())
    if limits.per_second <= 0:
        return Forecast(total, None, None, 0, ())
    walk = _Walk(dict(people), policy, limits, now, past)
    walk.run()
    return walk.result(total)


class _Walk:
    """The state of one forecast while time passes."""

    def __init__(
        self,
        people: dict[str, int],
        policy: SendPolicy,
        limits: Limits,
        now: dt.datetime,
        past: Sequence[tuple[dt.datetime, int]],
    ) -> None:
        self.left = {zone: float(number) for zone, number in people.items() if number}
        self.policy, self.limits = policy, limits
        self.start = self.now = now
        self.hours: dict[dt.datetime, float] = {}
        self.windows = [
            _Window(span, limit) for span, limit in ((HOUR, limits.per_hour), (DAY, limits.per_day)) if limit
        ]
        for window in self.windows:
            for moment, number in past:
                window.add(moment, number)
        self.first_at: dt.datetime | None = None
        self.last_at: dt.datetime | None = None
        self.recent: deque[tuple[dt.datetime, float]] = deque()
        self.stuck = False

    def run(self) -> None:
        """Walk until everybody has been written to, the horizon is reached or nothing will ever open."""
        while self.left and self.now - self.start < HORIZON:
            openings = {zone: job_not_before(self.policy, zone, self.now) for zone in self.left}
            coming = [opening for opening in openings.values() if not isinstance(opening, Never)]
            if not coming:
                self.stuck = True
                return
            open_zones = [zone for zone, opening in openings.items() if opening == self.now]
            free_at = max((window.free_at(self.now) for window in self.windows), default=self.now)
            if not open_zones or free_at > self.now:
                self.now = max(min(coming), free_at)
                continue
            self.send(open_zones)

    def send(self, zones: list[str]) -> None:
        """Send what one step allows to the people of the open zones, in proportion."""
        step = FINE if self.now - self.start < FINE_FOR else COARSE
        waiting = sum(self.left[zone] for zone in zones)
        allowed = min(
            [self.limits.per_second * step.total_seconds(), *(window.room(self.now) for window in self.windows)]
        )
        sent = min(waiting, allowed)
        for zone in zones:
            self.left[zone] -= sent * self.left[zone] / waiting
        self.left = {zone: number for zone, number in self.left.items() if number > 1e-6}
        hour = self.now.astimezone(dt.UTC).replace(minute=0, second=0, microsecond=0)
        self.hours[hour] = self.hours.get(hour, 0.0) + sent
        for window in self.windows:
            window.add(self.now, sent)
        self.first_at = self.first_at or self.now
        self.last_at = self.now + dt.timedelta(seconds=sent / self.limits.per_second)
        self.recent.append((self.now, sent))
        while self.recent[0][0] <= self.now - TREND:
            self.recent.popleft()
        self.now += step

    def result(self, total: int) -> Forecast:
        """The walk as a forecast."""
        curve = _whole(self.hours)
        end, beyond = self.last_at, bool(self.left)
        if beyond:
            lately = sum(number for _, number in self.recent)
            end = None
            if lately and self.last_at and not self.stuck:
                wait = TREND * (sum(self.left.values()) / lately)
                end = self.last_at + wait if wait < dt.timedelta(days=36_500) else None
        days = math.ceil((end - self.first_at) / DAY) if end and self.first_at else 0
        return Forecast(
            total, self.first_at, end, max(days, 1) if end else 0, curve, extrapolated=beyond and end is not None
        )


class _Window:
    """A limit over the time just gone."""

    def __init__(self, span: dt.timedelta, limit: int) -> None:
        self.span, self.limit = span, limit
        self.sends: deque[tuple[dt.datetime, float]] = deque()
        self.used = 0.0

    def _forget(self, now: dt.datetime) -> None:
        while self.sends and self.sends[0][0] <= now - self.span:
            self.used -= self.sends.popleft()[1]

    def room(self, now: dt.datetime) -> float:
        """How many more may go now."""
        self._forget(now)
        return max(0.0, self.limit - self.used)

    def free_at(self, now: dt.datetime) -> dt.datetime:
        """When at least one more may go."""
        if self.room(now) >= min(1.0, self.limit) - 1e-6:
            return now
        return self.sends[0][0] + self.span

    def add(self, now: dt.datetime, number: float) -> None:
        """Count what was sent."""
        self.sends.append((now, number))
        self.used += number


def _whole(hours: Mapping[dt.datetime, float]) -> tuple[tuple[dt.datetime, int], ...]:
    """Whole messages per hour that add up to the rounded sum."""
    curve: list[tuple[dt.datetime, int]] = []
    exact = rounded = 0.0
    for hour in sorted(hours):
        exact += hours[hour]
        number = round(exact - rounded)
        rounded += number
        if number:
            curve.append((hour, number))
    return tuple(curve)
