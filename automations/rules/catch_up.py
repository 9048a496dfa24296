"""Which slots are to be fired and which are missed: pure, so that downtime of hours is tested in no time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

from agency.kit.schedules import Missed
from agency.kit.slots import Rule, slots

ON_TIME = timedelta(seconds=60)
"""A slot fired at most this late was not missed: a lease that changes hands or a broker that restarts costs seconds."""

BATCH = 2_000
"""Slots settled in one transaction: a month of minutes is settled in passes, each far shorter than the lease."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """One rule followed in one zone over `after < slot <= until`."""

    rule: Rule
    zone: ZoneInfo
    after: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Unsettled:
    """The next batch of slots not in the ledger yet, up to where they reach, and whether later ones wait behind them."""

    slots: tuple[datetime, ...]
    until: datetime
    more: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of slots that wait: `fire` and `missed`, each ascending."""

    fire: tuple[datetime, ...]
    missed: tuple[datetime, ...]


def unsettled(stretches: Sequence[Stretch], until: datetime, limit: int = BATCH) -> Unsettled:
    """List at most `limit` slots of the stretches (in order of time), as a batch that can be settled at once."""
    found: list[datetime] = []
    source: Iterator[datetime] = chain.from_iterable(
        slots(part.rule, part.zone, part.after, part.until) for part in stretches
    )
    for slot in source:
        if len(found) == limit:
            return Unsettled(tuple(found), found[-1], more=True)
        found.append(slot)
    return Unsettled(tuple(found), until, more=False)


def verdict(policy: Missed, waiting: Sequence[datetime], now: datetime, more: bool) -> Verdict:
    """Decide over slots that wait (ascending). With `more`, later ones stand behind these, so none of them is the latest."""
    late = [slot for slot in waiting if now - slot > ON_TIME]
    on_time = [slot for slot in waiting if now - slot <= ON_TIME]
    if policy is Missed.ALL:
        return Verdict(tuple(waiting), ())
    if policy is Missed.LATEST and late and not on_time and not more:
        return Verdict((late[-1],), tuple(late[:-1]))
    return Verdict(tuple(on_time), tuple(late))
