"""Beat: several at once, one killed, one stopped."""

import os
import signal
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django_celery_beat.models import ClockedSchedule, PeriodicTask, PeriodicTasks

from agency.kit.schedules import Missed
from agency.processes import beat_command
from automations.models import ScheduleRule, Slot
from automations.states import SlotState
from tests.automations.beats import holder_name, holder_pid
from tests.faults.ground import Ground
from tests.faults.table import Broken, fault
from tests.faults.waiting import wait_for

STARTED = "is starting"  # what Celery says when a Beat begins its loop
TAKEOVER = 10.0


def make_slots(
    number: int, apart: timedelta, task: str = "automations.prune_slots", missed: Missed = Missed.SKIP
) -> str:
    """So many schedules with one slot each, the first in four seconds; the usual task is harmless. Returns their names' beginning."""
    mark = f"fault.{datetime.now(UTC):%H%M%S%f}"
    begun = datetime.now(UTC)
    first = begun.replace(microsecond=0) + timedelta(seconds=4)
    with transaction.atomic():  # a Beat that saw a row without its rule would write one of its own
        for index in range(number):
            clocked = ClockedSchedule.objects.create(clocked_time=first + apart * index)
            row = PeriodicTask(
                name=f"{mark}.{index:03}",
                task=task,
                queue="maintenance",
                clocked=clocked,
                one_off=True,
            )
            row.save()
            # On a busy machine the first slots pass while the rows are still being written: they count from the beginning.
            ScheduleRule.objects.create(periodic_task=row, settled_until=begun, missed=missed)
    PeriodicTasks.update_changed()
    return mark


def forget_schedules(*marks: str) -> None:
    """Delete the schedules; their slots stay in the ledger."""
    for mark in marks:
        PeriodicTask.objects.filter(name__startswith=mark).delete()


@fault(
    "two_beats",
    injects="two, then three Beats at once; the one that fires is killed with -9, the next is stopped and wakes again",
    holds="one run per slot; another Beat takes over",
    seconds=TAKEOVER,
    short=True,
)
def two_beats(ground: Ground) -> float:
    """Sixty slots come due while the lease changes hands twice."""
    group = ground.platform.group
    for name in ("beat-2", "beat-3"):
        ground.start(name, beat_command())
    logs = [group.running[name].log for name in ("beat-2", "beat-3")]
    wait_for("every Beat is up", 90, lambda: all(STARTED in log.read_text() for log in logs))
    wait_for("a Beat holds the lease", 30, lambda: holder_pid() > 0)
    mark = make_slots(60, timedelta(milliseconds=400))
    slots = Slot.objects.filter(key__startswith=mark)
    wait_for("the first slots ran", 30, lambda: slots.filter(state=SlotState.DONE).count() >= 10)
    killed = holder_name(group)
    fallen = holder_pid()
    group.kill(killed)
    first = wait_for("a Beat takes over from a killed one", 20, lambda: holder_pid() != fallen)
    group.restart(killed)
    stopped = holder_pid()
    os.killpg(stopped, signal.SIGSTOP)
    second = wait_for("a Beat takes over from a stopped one", 20, lambda: holder_pid() != stopped)
    os.killpg(stopped, signal.SIGCONT)
    wait_for("every slot ran", 60, lambda: slots.filter(state=SlotState.DONE).count() == 60)
    runs = list(slots.values_list("attempt", flat=True))
    forget_schedules(mark)
    if runs != [1] * 60:
        raise Broken(f"60 slots, {len(runs)} rows, attempts {sorted(set(runs))}: each must run once")
    ground.account = "60 slots, 60 runs"
    return max(first, second)
