"""Beats of a row's own, whose messages nobody reads, so that each can be counted: handed over, cut off."""

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings

from agency.kit.schedules import Missed
from agency.processes import ProcessGroup, beat_command, process_group
from automations.models import BeatLease, Slot
from automations.states import SlotState
from tests.automations.beats import holder_name, holder_pid
from tests.committed import Live
from tests.faults.cut_line import line_to
from tests.faults.ground import Ground
from tests.faults.rows.clock import STARTED, TAKEOVER, forget_schedules, make_slots
from tests.faults.table import Broken, fault
from tests.faults.waiting import wait_for

CUT_SECONDS = 15.0


@contextlib.contextmanager
def unread_beats(ground: Ground, number: int, **environment: str) -> Iterator[ProcessGroup]:
    """So many Beats instead of the platform's one, and no worker; the platform's own are started again with the row's end."""
    ground.end("worker")
    ground.end("beat-1")
    ground.forget_messages()
    with process_group(ground.platform.group.logs.parent / "beats", environment) as group:
        for index in range(number):
            group.start(f"beat{index}", beat_command())
        logs = [process.log for process in group.running.values()]
        wait_for("every Beat is up", 90, lambda: all(STARTED in log.read_text() for log in logs))
        wait_for("one of them holds the lease", 60, lambda: holder_pid() in pids(group))
        yield group


def pids(group: ProcessGroup) -> set[int]:
    """The process ids of these Beats."""
    return {process.popen.pid for process in group.running.values()}


def sent(*marks: str) -> Counter[str]:
    """How often each of these schedules' slots lies in its queue, by schedule (each has one slot)."""
    names = (headers.get("periodic_task_name", "") for headers in Live({}, settings.REDIS_URL).messages("maintenance"))
    return Counter(name for name in names if name.startswith(marks))


def require_once(found: Counter[str], number: int) -> None:
    """Raises Broken unless each of so many slots was published, and once."""
    if len(found) != number or set(found.values()) != {1}:
        raise Broken(f"{len(found)} of {number} slots published, {sum(found.values())} messages: each must come once")


def require_single_ticks() -> int:
    """Every tick of every schedule was published once; returns how many. Raises Broken."""
    live = Live({}, settings.REDIS_URL)
    ticks = Counter(
        (headers["periodic_task_name"], headers["tick"])
        for queue in settings.QUEUES
        for headers in live.messages(queue)
        if "tick" in headers
    )
    twice = [tick for tick, number in ticks.items() if number > 1]
    if twice or not ticks:
        raise Broken(f"{len(twice)} of {len(ticks)} ticks came twice: {twice[:3]}")
    return len(ticks)


@fault(
    "three_beats",
    injects="three Beats: the one that fires stopped and woken again, the next killed with -9, the next asked to end; then the database "
    "connections of the two that are left terminated ten times",
    holds="one message per slot and per tick, another Beat takes over; and every slot in the ledger once, and published",
    seconds=TAKEOVER,
)
def three_beats(ground: Ground) -> float:
    """Slots come due all the while; their messages lie in the queue and are counted."""
    with unread_beats(ground, 3) as group:
        took = taken_over(group)
        ground.account = f"75 slots and {require_single_ticks()} ticks, each published once"
        group.revive()
        cut_off(ground, group)
    ground.account += "; 60 slots in the ledger, all published"
    return took


def taken_over(group: ProcessGroup) -> float:
    """The lease changes hands three times; returns the longest time that it took."""
    term = BeatLease.objects.get().term
    mark = make_slots(75, timedelta(milliseconds=300))
    wait_for("the first slots", 30, lambda: len(sent(mark)) >= 3)
    stopped = holder_pid()
    os.killpg(stopped, signal.SIGSTOP)
    first = wait_for("a Beat takes over from a stopped one", 20, lambda: holder_pid() != stopped)
    before = len(sent(mark))
    wait_for("the new one fires", 20, lambda: len(sent(mark)) >= before + 5)
    os.killpg(stopped, signal.SIGCONT)
    killed = holder_pid()
    group.kill(holder_name(group))
    second = wait_for("a Beat takes over from a killed one", 20, lambda: holder_pid() != killed)
    asked = holder_pid()
    os.killpg(asked, signal.SIGTERM)
    third = wait_for("a Beat takes over from one that ended", 20, lambda: holder_pid() != asked)
    wait_for("all slots", 60, lambda: len(sent(mark)) >= 75)
    require_once(sent(mark), 75)
    terms = BeatLease.objects.get().term - term
    forget_schedules(mark)
    if terms != 3 or holder_pid() in (killed, asked):
        raise Broken(f"the lease changed hands {terms} times, not three")
    return max(first, second, third)


def cut_off(ground: Ground, group: ProcessGroup) -> None:
    """A connection that ends between publishing and noting it makes the message come again; the claim makes that harmless."""
    mark = make_slots(60, timedelta(milliseconds=150))
    for turn in range(10):
        wait_for("the next slots are in the ledger", 30, lambda turn=turn: _known(mark) >= 6 * turn)  # type: ignore[misc]
        ground.terminate_connections()
    wait_for("all slots", 60, lambda: len(sent(mark)) >= 60)
    ended = [name for name, process in group.running.items() if not process.alive]
    known = _known(mark)
    forget_schedules(mark)
    if ended or known != 60:
        raise Broken(f"{known} of 60 slots in the ledger; ended: {ended}")


def _known(mark: str) -> int:
    return Slot.objects.filter(key__startswith=mark).count()


@fault(
    "beat_without_broker",
    injects="Beat's line to Redis cut for 15 s while slots come due, under the policies *skip* and *all*",
    holds="all of them are on time: each published once, none missed",
    seconds=60,
)
def beat_without_broker(ground: Ground) -> float:
    """An outage of the broker that is shorter than a slot's grace is no downtime, whatever the policy."""
    broker = urlsplit(settings.REDIS_URL)
    with line_to(broker.hostname or "127.0.0.1", broker.port or 6379) as line:
        through = settings.REDIS_URL.replace(f":{broker.port}", f":{line.port}")
        with unread_beats(ground, 2, REDIS_URL=through):
            marks = tuple(
                make_slots(70, timedelta(milliseconds=300), missed=policy) for policy in (Missed.SKIP, Missed.ALL)
            )
            wait_for("the first slots", 30, lambda: len(sent(*marks)) >= 10)
            line.cut()
            ends = time.monotonic() + CUT_SECONDS
            wait_for("the outage is over", 60, lambda: time.monotonic() >= ends)
            waiting = _waiting(marks)
            line.mend()
            took = wait_for("all slots", 120, lambda: len(sent(*marks)) >= 140)
            require_once(sent(*marks), 140)
        missed = sum(Slot.objects.filter(key__startswith=mark, state=SlotState.MISSED).count() for mark in marks)
    forget_schedules(*marks)
    if missed or waiting < 20:
        raise Broken(f"{missed} slots are noted as missed; {waiting} waited for the broker, at least twenty must")
    ground.account = "140 slots, each published once"
    return took


def _waiting(marks: tuple[str, ...]) -> int:
    return sum(Slot.objects.filter(key__startswith=mark, nudged_at=None).count() for mark in marks)
