"""Schedules as declarations: each package says here, in its `apps.py`, what must run and when.

Beat and its ledger live in `automations`, which lower packages cannot import; so they declare, and the command
`sync_schedules` turns declarations into rows that a person may edit.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


class Missed(enum.StrEnum):
    """What becomes of slots that passed while nothing could run them."""

    SKIP = "skip"
    """None is made up; each is kept as a visible missed row."""
    LATEST = "latest"
    """The latest one is made up; the earlier ones are kept as visible missed rows."""
    ALL = "all"
    """Every one is made up, oldest first."""


@dataclass(frozen=True, slots=True)
class ScheduleDeclaration:
    """One schedule as its package declares it.

    `key` names it for ever (ledger, admin, logs). A *slot schedule* has a rule (see `agency.kit.slots`) and calls its
    task once per slot as `task(**kwargs, slot="2026-03-02T13:00:00+00:00")`. A *tick* has an interval in seconds
    instead, no ledger and no arguments, and a message of it is worthless after `expires` seconds.
    """

    key: str
    task: str
    queue: str
    rule: str = ""
    zone: str = ""
    """IANA name; empty means the agency's own zone."""
    interval: float = 0.0
    expires: int = 0
    missed: Missed = Missed.SKIP
    kwargs: Mapping[str, str | int] = field(default_factory=dict)
    description: str = ""

    @property
    def tick(self) -> bool:
        """True for an engine tick: an interval outside the slot ledger."""
        return self.interval > 0


_declared: dict[str, ScheduleDeclaration] = {}

TICK_EXPIRES = 2
"""Seconds after which a tick's message is dropped unread: the next tick does its work."""


def declare_schedule(
    key: str,
    task: str,
    *,
    queue: str,
    rule: str = "",
    zone: str = "",
    interval: float = 0.0,
    expires: int = TICK_EXPIRES,
    missed: Missed | str = Missed.SKIP,
    tick: bool = False,
    kwargs: Mapping[str, str | int] | None = None,
    description: str = "",
) -> ScheduleDeclaration:
    """Declare a schedule: `tick=True` with an `interval` in whole seconds, or a `rule` in words.

    For `apps.py: ready()`. Declaring the same twice is harmless; two different ones under one key raise ValueError, as
    does a tick without interval or an interval without tick (an automation's slots need fixed times).
    """
    if tick and (interval < 1 or interval != int(interval) or rule):
        raise ValueError(f"schedule {key}: a tick has an interval of whole seconds and no rule")
    if not tick and (interval or not rule):
        raise ValueError(f"schedule {key}: only ticks have an interval; write a rule such as “daily 10:00”")
    declaration = ScheduleDeclaration(
        key=key,
        task=task,
        queue=queue,
        rule=rule,
        zone=zone,
        interval=interval,
        expires=expires if tick else 0,
        missed=Missed(missed),
        kwargs=MappingProxyType(dict(kwargs or {})),
        description=description,
    )
    known = _declared.setdefault(key, declaration)
    if known != declaration:
        raise ValueError(f"schedule {key} is declared twice, differently")
    return declaration


def declared_schedules() -> tuple[ScheduleDeclaration, ...]:
    """Return every declared schedule, ordered by key."""
    return tuple(_declared[key] for key in sorted(_declared))
