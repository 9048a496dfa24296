"""One row of Beat's schedule in memory: an engine tick, or a schedule with slots."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from celery import schedules
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import ModelEntry

from agency.kit.slots import next_slot
from automations.selectors.schedules import effective_rule, interval_of, rule_beside, rule_signature

NOTHING_SECONDS = 300.0
"""How long a schedule without any further slot is left alone."""


class LeasedEntry(ModelEntry):  # type: ignore[misc]
    """One enabled row: an engine tick, or a schedule with slots."""

    clock: Callable[[], datetime]

    def __init__(self, model: PeriodicTask, app: Any = None) -> None:
        """Read the row; raises RuleError for one that cannot be followed."""
        super().__init__(model, app=app)
        self.interval = interval_of(model)
        self.cell = self._cell(model.last_run_at) if self.interval else 0
        self.unwritten = 0
        self.next_slot: datetime | None = None
        if self.interval is None:
            self._plan(model)

    def _plan(self, model: PeriodicTask) -> None:
        beside = rule_beside(model)
        if beside is None or beside.settled_until is None:
            return
        since = beside.settled_until
        rule, zone = effective_rule(model)
        edited = beside.settled_rule != rule_signature(rule, zone)
        self.next_slot = since if edited else next_slot(rule, zone, since)

    def is_due(self) -> schedules.schedstate:
        """Due when a grid line was crossed (tick), or when a slot of the rule lies between the ledger and now."""
        now = self.clock()
        if self.interval is not None:
            cell = self._cell(now)
            following = (cell + 1) * self.interval.total_seconds()
            return schedules.schedstate(cell > self.cell, following - now.timestamp())
        if self.next_slot is None:
            return schedules.schedstate(False, NOTHING_SECONDS)
        return schedules.schedstate(now >= self.next_slot, max(0.0, (self.next_slot - now).total_seconds()))

    def tick_crossed(self) -> int:
        """Note that the tick of the present grid cell is being fired; returns the cell's number."""
        now = self.clock()
        self.cell, self.unwritten = self._cell(now), self.unwritten + 1
        self.model.last_run_at = now
        return self.cell

    def _cell(self, at: datetime) -> int:
        return int(at.timestamp() // (self.interval or timedelta(seconds=1)).total_seconds())
