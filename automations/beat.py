"""Celery Beat behind a lease: `celery -A agency beat` with `automations.beat:LeasedDatabaseScheduler`.

Two or three of these may run; the one that holds the lease fires. Slots are written into the ledger before anything is
published, so a Beat that dies, a broker that is away and a second Beat all come to one run per slot. Engine ticks are
intervals on a fixed grid, outside the ledger, and worthless after seconds.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import Error as DatabaseTrouble
from django.db import close_old_connections, connection
from django_celery_beat.schedulers import DatabaseScheduler
from kombu.exceptions import OperationalError

from agency.kit.slots import RuleError
from automations.beat_entry import LeasedEntry
from automations.operations.lease import LEASE_SECONDS, Hold, LeaseLost, hold_lease, release_lease
from automations.operations.settle import adopt_schedule, count_ticks, mark_published, settle_schedule
from automations.operations.slots import RUN_TASK, quarantine_silent_slots
from automations.selectors.ledger import Nudge, stale_nudges, unpublished_keys
from automations.selectors.schedules import interval_of, periodic_tasks, rule_beside

logger = logging.getLogger(__name__)

STANDBY_SECONDS = 1.0
"""How long a standby, or a Beat whose database is away, waits before it looks again."""

REPAIR_SECONDS = 5.0
"""How often slots without progress are looked for, and the counts of ticks are written."""

RETRY_SECONDS = 2.0
"""How often a slot that the broker did not take is offered to it again."""

RELOAD_SECONDS = 300.0
"""Every schedule is read again after this, even if nothing said that it changed."""

# CLOCK_BOOTTIME goes on while the machine sleeps, so a lease never looks younger than it is.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Seconds on a clock that only goes forward, also while the process or the machine stands still."""
    return time.clock_gettime(_CLOCK)


class LeasedDatabaseScheduler(DatabaseScheduler):  # type: ignore[misc]
    """django-celery-beat's scheduler, with a lease before it and a ledger behind it.

    It loads every enabled row, writes only the columns it owns, and outlives any outage of database or broker.
    """

    Entry = LeasedEntry

    def __init__(self, *args: Any, holder: str = "", **kwargs: Any) -> None:
        """`holder` names this Beat in the lease; by default host, process and a random part."""
        self.holder = holder or f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self.hold: Hold | None = None
        self._granted = self._deadline = 0.0
        self._entries: dict[str, LeasedEntry] = {}
        self._seen_change: datetime | None = None
        self._loaded_at = self._repaired_at = float("-inf")
        self._ticked = self._published = self._database_away = self._in_pass = False
        self._unpublished, self._failing = True, set[str]()
        self._retry_at = self._broker_away_until = float("-inf")
        super().__init__(*args, **kwargs)
        # A pass also renews the lease, so it never sleeps for longer than a fraction of it.
        self.max_interval: float = min(float(kwargs.get("max_interval") or STANDBY_SECONDS), STANDBY_SECONDS)

    def setup_schedule(self) -> None:
        """Write nothing at start: rows are made by `manage.py sync_schedules` alone."""

    @property
    def schedule(self) -> dict[str, LeasedEntry]:
        """The entries as last read; empty on a standby."""
        return self._entries

    # One pass -------------------------------------------------------------------------------------------------------

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Do one pass if this Beat holds the lease; returns the seconds to sleep."""
        self._in_pass = True
        try:
            close_old_connections()
            delay = self._pass()
        except LeaseLost:
            self._stand_by("lost the lease during a pass")
            return STANDBY_SECONDS
        except DatabaseTrouble as error:
            if not self._database_away:
                logger.warning("Beat waits for the database: %s", error)
            self._database_away = True
            connection.close()
            return STANDBY_SECONDS
        finally:
            self._in_pass = False
        self._database_away = False
        return delay

    def _pass(self) -> float:
        if not self._renew():
            return STANDBY_SECONDS
        self._refresh()
        self._fire_ticks()
        more = self._settle()
        if elapsed() - self._repaired_at >= REPAIR_SECONDS:
            self._repair()
        self._ticked = True
        if more:
            return 0.0
        waits = [entry.is_due().next for entry in self._entries.values()]
        return float(max(0.01, min([self.max_interval, *waits])))

    def now(self) -> datetime:
        """The database's time, carried on by this machine's clock since the lease was last renewed."""
        if self.hold is None:
            raise LeaseLost(self.holder)
        return self.hold.now + timedelta(seconds=elapsed() - self._granted)

    def holds_lease(self) -> bool:
        """True while the lease, as far as this process can know without asking, has not run out."""
        return self.hold is not None and elapsed() < self._deadline

    def _renew(self) -> bool:
        asked = elapsed()
        hold = hold_lease(holder=self.holder, ticked=self._ticked, published=self._published)
        self._ticked = self._published = False
        if hold is None:
            if self.hold is not None:
                self._stand_by("another Beat holds the lease")
            return False
        if self.hold is None or hold.term != self.hold.term:
            logger.info("Beat holds the lease", extra={"holder": self.holder, "term": hold.term})
            self._entries, self._loaded_at, self._unpublished = {}, float("-inf"), True
        # The database's time was read at some moment until now: taken as now, a slot is never fired early.
        self.hold, self._granted, self._deadline = hold, elapsed(), asked + LEASE_SECONDS
        return True

    def _stand_by(self, why: str) -> None:
        logger.warning("Beat stands by: %s", why, extra={"holder": self.holder})
        self.hold, self._entries, self._loaded_at = None, {}, float("-inf")

    # Reading the schedules --------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        change = self.Changes.last_change()
        if change == self._seen_change and elapsed() - self._loaded_at < RELOAD_SECONDS:
            return
        self._write_ticks()
        read_at = elapsed()
        self._entries = self.all_as_schedule()
        self._seen_change, self._loaded_at = change, read_at

    def enabled_models_qs(self) -> Any:
        """Every enabled row: a schedule may be due at any hour after an outage."""
        return periodic_tasks().filter(enabled=True)

    def all_as_schedule(self) -> dict[str, LeasedEntry]:
        """Read all enabled rows; one that cannot be followed is logged and left out, the others go on."""
        entries: dict[str, LeasedEntry] = {}
        for model in self.enabled_models():
            try:
                if interval_of(model) is None and (
                    (beside := rule_beside(model)) is None or beside.settled_until is None
                ):
                    adopt_schedule(task=model, now=self.now())
                    model = periodic_tasks().get(pk=model.pk)
                entry = self.Entry(model, app=self.app)
            except (RuleError, ValueError, AttributeError) as error:
                logger.error("schedule cannot be followed: %s", error, extra={"schedule": model.name})
                continue
            entry.clock = self.now
            entries[model.name] = entry
        return entries

    # Firing -----------------------------------------------------------------------------------------------------------

    def _fire_ticks(self) -> None:
        due = [entry for entry in self._entries.values() if entry.interval is not None and entry.is_due().is_due]
        cells = {entry.name: entry.tick_crossed() for entry in due}
        # A tick rarer than the lease must not come twice when the lease changes hands: it is written before it is sent.
        if any(entry.interval is not None and entry.interval.total_seconds() >= LEASE_SECONDS for entry in due):
            self._write_ticks()
        for entry in due:
            headers = {"periodic_task_name": entry.name, "tick": cells[entry.name]}
            self._publish(entry.task, (), entry.options.get("queue"), headers, entry.model.expire_seconds)

    def _settle(self) -> bool:
        """Write due slots into the ledger and publish them; True when a batch was not enough."""
        waiting = self._waiting()
        more = False
        for entry in list(self._entries.values()):
            if entry.interval is None and (entry.is_due().is_due or entry.name in waiting):
                more = self._settle_entry(entry) or more
        return more

    def _waiting(self) -> frozenset[str]:
        """Schedules with slots that the broker has not taken, asked for only while there may be any."""
        if not self._unpublished or elapsed() < self._retry_at:
            return frozenset()
        self._retry_at = elapsed() + RETRY_SECONDS
        waiting = unpublished_keys()
        self._unpublished = bool(waiting)
        return waiting

    def _settle_entry(self, entry: LeasedEntry) -> bool:
        if self.hold is None:
            raise LeaseLost(self.holder)
        try:
            settled = settle_schedule(task_id=entry.model.pk, now=self.now(), hold=self.hold)
        except (RuleError, ValueError, ObjectDoesNotExist):
            logger.exception("schedule cannot be settled", extra={"schedule": entry.name})
            entry.next_slot = self.now() + timedelta(seconds=RELOAD_SECONDS)
            return False
        entry.next_slot = self.now() if settled.more else settled.next_slot
        self._nudge(settled.nudges)
        return settled.more

    def _repair(self) -> None:
        """Tell workers again about slots without progress, close hopeless ones, write what ticks have counted."""
        self._repaired_at = elapsed()
        if closed := quarantine_silent_slots():
            logger.error("slots failed: their worker fell silent each time", extra={"slots": closed})
        self._nudge(stale_nudges())
        self._write_ticks()

    def _nudge(self, nudges: Sequence[Nudge]) -> None:
        published: list[int] = []
        for nudge in nudges:
            headers = {"periodic_task_name": nudge.key, "slot": nudge.slot.isoformat()}
            if self._publish(RUN_TASK, (nudge.slot_id,), nudge.queue or None, headers, None):
                published.append(nudge.slot_id)
        if published:
            mark_published(slot_ids=published)
        self._unpublished = self._unpublished or len(published) < len(nudges)

    def _publish(
        self, task: str, args: tuple[int, ...], queue: str | None, headers: dict[str, Any], expires: int | None
    ) -> bool:
        """Publish one message unless the lease may have run out; False when the broker did not take it."""
        if not self.holds_lease():
            raise LeaseLost(self.holder)
        if elapsed() < self._broker_away_until:
            return False
        name = headers["periodic_task_name"]
        try:
            self.app.send_task(
                task,
                args=args,
                headers=headers,
                # No result is waited for here: without this, each message would leave a subscription behind.
                ignore_result=True,
                retry=True,
                retry_policy={"max_retries": 1, "interval_start": 0, "interval_max": 0.2},
                **({"queue": queue} if queue else {}),
                **({"expires": expires} if expires else {}),
            )
        except Exception as error:  # one wrong queue, or an outage of any kind, must not stop the other schedules
            if isinstance(error, OperationalError):
                self._broker_away_until = elapsed() + STANDBY_SECONDS
            if name not in self._failing:
                logger.warning("Beat cannot publish: %s", error, extra={"schedule": name})
            self._failing.add(name)
            return False
        if name in self._failing:
            logger.info("Beat publishes again", extra={"schedule": name})
        self._failing.discard(name)
        self._published = True
        return True

    def _write_ticks(self) -> None:
        for entry in self._entries.values():
            if entry.interval is not None and entry.unwritten:
                count_ticks(task_id=entry.model.pk, last_run_at=entry.model.last_run_at, ticks=entry.unwritten)
                entry.unwritten = 0

    # Stopping ---------------------------------------------------------------------------------------------------------

    def sync(self) -> None:
        """Nothing is kept in memory that a stop must save, but for the counts of ticks."""
        if self._entries and self.holds_lease():
            self._write_ticks()

    def close(self) -> None:
        """Give the lease back at once, so that a standby need not wait for it to run out.

        Celery calls this from its signal handler too, in the middle of anything: a pass is left first, and Celery calls
        again on its way out.
        """
        if self._in_pass:
            return
        try:
            # What a signal interrupted may have left the connection in the middle of an answer.
            if not connection.in_atomic_block:
                connection.close()
            super().close()
            if self.hold is not None:
                release_lease(holder=self.holder)
        except DatabaseTrouble as error:
            logger.warning("Beat could not give the lease back: %s", error)
        finally:
            self.hold, self._entries = None, {}
