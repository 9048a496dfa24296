"""Real Beats in processes of their own."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django_celery_beat.models import ClockedSchedule, PeriodicTask

from agency.kit.schedules import Missed, ScheduleDeclaration
from agency.processes import ProcessGroup, beat_command, process_group
from automations.models import BeatLease, ScheduleRule
from automations.operations.schedules import write_fields
from automations.selectors.schedules import declared_fields
from tests.committed import Live

TICK = "tests.pulse"


def wait_for(what: str, seconds: float, reached: Callable[[], bool]) -> float:
    """Wait until a state is reached; returns how long it took in seconds."""
    began = time.monotonic()
    while not reached():
        assert time.monotonic() - began < seconds, f"{what}: not within {seconds:g} s"
        time.sleep(0.05)
    return time.monotonic() - began


def make_tick() -> None:
    """A tick each second on the queue `critical`, whose messages do not expire, so that they can be counted."""
    declaration = ScheduleDeclaration(key=TICK, task=TICK, queue="critical", interval=1, expires=3600)
    write_fields(PeriodicTask(name=TICK), declared_fields(declaration))


def make_slots(first: datetime, number: int, apart: timedelta, missed: Missed = Missed.SKIP) -> list[str]:
    """Schedules on the queue `maintenance`, each with one slot; returns the slots as messages name them."""
    slots = [first + apart * index for index in range(number)]
    for index, slot in enumerate(slots):
        clocked = ClockedSchedule.objects.create(clocked_time=slot)
        task = PeriodicTask.objects.create(
            name=f"tests.slot.{index:03}", task="tests.slot", queue="maintenance", clocked=clocked, one_off=True
        )
        ScheduleRule.objects.create(periodic_task=task, missed=missed)
    return [slot.isoformat() for slot in slots]


def soon(seconds: float) -> datetime:
    """A whole second, at least so far ahead."""
    return (datetime.now(UTC) + timedelta(seconds=seconds + 1)).replace(microsecond=0)


def holder_pid() -> int:
    """The process id of the Beat that holds the lease; 0 before there is one."""
    lease = BeatLease.objects.first()
    return int(lease.holder.split(":")[1]) if lease else 0


def holder_name(group: ProcessGroup) -> str:
    """The name in the group of the Beat that holds the lease."""
    pid = holder_pid()
    return next(name for name, process in group.running.items() if process.popen.pid == pid)


@contextmanager
def beats(live: Live, logs: Path, number: int) -> Iterator[ProcessGroup]:
    """That many Beats, all of them up, one of them holding the lease."""
    with process_group(logs, live.environment) as group:
        for index in range(number):
            group.start(f"beat{index}", beat_command())
        up = [logs / f"beat{index}.log" for index in range(number)]
        wait_for("every Beat is up", 90, lambda: all("beat: Starting" in log.read_text() for log in up))
        wait_for("a Beat holds the lease", 60, lambda: holder_pid() > 0)
        yield group
