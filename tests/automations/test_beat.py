"""One Beat in process, with a clock that the test turns and a broker that the test breaks."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django_celery_beat.models import ClockedSchedule, PeriodicTask
from kombu.exceptions import OperationalError

from agency.celery import app
from agency.kit.health import Health
from agency.kit.schedules import Missed, ScheduleDeclaration
from automations import beat as beat_module
from automations.beat import LeasedDatabaseScheduler
from automations.models import BeatLease, Slot
from automations.operations.schedules import write_fields
from automations.operations.slots import RUN_TASK
from automations.selectors import beat_state
from automations.selectors.health import beat_gauges, check_beat
from automations.selectors.schedules import declared_fields
from automations.states import SlotState
from tests.automations.clockwork import KEY, at, edit, ledger, let_lease_run_out, make_schedule

pytestmark = pytest.mark.django_db

MORNING = at("2026-11-21T12:59:57.25+00:00")


@dataclass(frozen=True)
class Message:
    task: str
    args: tuple[int, ...]
    queue: str | None
    expires: int | None
    headers: dict[str, Any]


@dataclass
class Broker:
    """Takes messages, unless it is away."""

    away: bool = False
    taken: list[Message] = field(default_factory=list)

    def send_task(self, name: str, args: tuple[int, ...], headers: dict[str, Any], **options: Any) -> None:
        if self.away:
            raise OperationalError("connection refused")
        self.taken.append(Message(name, args, options.get("queue"), options.get("expires"), headers))


class TurnedBeat(LeasedDatabaseScheduler):
    """Reads the test's clock instead of the database's."""

    moment = MORNING

    def now(self) -> datetime:
        super().now()
        return self.moment

    def run(self, seconds: float, step: float = 0.25) -> None:
        """Let time pass in steps, with a pass at each."""
        for _step in range(int(seconds / step)):
            self.moment += timedelta(seconds=step)
            self.tick()


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(app, "send_task", broker.send_task)
    # The test's transaction lives on this connection; and an in-process Beat never waits in real time.
    monkeypatch.setattr(beat_module, "close_old_connections", lambda: None)
    monkeypatch.setattr(beat_module, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(beat_module, "STANDBY_SECONDS", 0.0)
    return broker


@pytest.fixture
def beat(broker: Broker) -> Iterator[TurnedBeat]:
    scheduler = TurnedBeat(app=app, holder="first")
    yield scheduler
    scheduler.close()


def make_tick(interval: int, key: str = "tests.pulse") -> PeriodicTask:
    task = PeriodicTask(name=key, last_run_at=MORNING)
    declaration = ScheduleDeclaration(key=key, task=key, queue="critical", interval=interval, expires=2)
    write_fields(task, declared_fields(declaration))
    return task


def test_a_tick_comes_once_a_second_on_the_grid_and_is_worthless_after_two(beat: TurnedBeat, broker: Broker) -> None:
    task = make_tick(1)
    beat.run(5)
    first = int(MORNING.timestamp()) + 1
    assert broker.taken == [
        Message("tests.pulse", (), "critical", 2, {"periodic_task_name": "tests.pulse", "tick": first + number})
        for number in range(5)
    ]
    assert Slot.objects.count() == 0
    beat.close()
    task.refresh_from_db()
    assert (task.total_run_count, task.last_run_at) == (5, at("2026-11-21T13:00:02+00:00"))


def test_a_slot_is_in_the_ledger_before_its_one_message(beat: TurnedBeat, broker: Broker) -> None:
    task = make_schedule("daily 10:00", "America/Sao_Paulo", MORNING)
    beat.run(6)
    slot = Slot.objects.get()
    assert broker.taken == [
        Message(
            RUN_TASK,
            (slot.pk,),
            "maintenance",
            None,
            {"periodic_task_name": KEY, "slot": "2026-11-21T13:00:00+00:00"},
        )
    ]
    assert (slot.state, slot.slot, slot.nudges) == (SlotState.DUE, at("2026-11-21T13:00+00:00"), 1)
    task.refresh_from_db()
    assert task.total_run_count == 1


def test_a_standby_fires_nothing_until_the_lease_runs_out(beat: TurnedBeat, broker: Broker) -> None:
    make_tick(1)
    beat.run(1)
    other = TurnedBeat(app=beat.app, holder="second")
    other.moment = beat.moment
    other.run(3)
    assert [message.headers["tick"] for message in broker.taken] == [int(beat.moment.timestamp())]
    let_lease_run_out()
    other.run(1)
    assert BeatLease.objects.get().holder == "second"
    beat.moment = other.moment
    taken = len(broker.taken)
    beat.run(3)
    assert (len(broker.taken), beat.hold) == (taken, None)
    other.close()
    beat.run(1)
    assert BeatLease.objects.get().holder == "first"


def test_a_beat_that_was_stopped_for_longer_than_its_lease_publishes_nothing(
    beat: TurnedBeat, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_tick(1)
    beat.run(1)
    taken = len(broker.taken)
    publish = beat._publish

    def stopped(*args: Any) -> bool:
        monkeypatch.setattr(beat_module, "elapsed", lambda: float("inf"))
        return publish(*args)

    monkeypatch.setattr(beat, "_publish", stopped)
    beat.run(1, step=1)
    assert (len(broker.taken), beat.hold) == (taken, None)


def test_a_signal_in_the_middle_of_a_pass_leaves_it_before_anything_is_written(
    beat: TurnedBeat, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Celery's signal handler closes the scheduler and raises SystemExit, wherever the process is; then it closes again."""

    def signalled() -> None:
        beat.close()
        raise SystemExit

    monkeypatch.setattr(beat, "_fire_ticks", signalled)
    with pytest.raises(SystemExit):
        beat.tick()
    assert beat_state().alive is True
    beat.close()
    assert beat_state().alive is False


@pytest.mark.parametrize(
    ("policy", "made_up", "missed"),
    [(Missed.SKIP, [], [0, 1, 2]), (Missed.LATEST, [2], [0, 1]), (Missed.ALL, [0, 1, 2], [])],
)
def test_slots_of_a_broker_outage_follow_the_policy(
    beat: TurnedBeat, broker: Broker, policy: Missed, made_up: list[int], missed: list[int]
) -> None:
    make_schedule("cron */5 * * * *", "UTC", MORNING, policy)
    slots = [at(f"2026-11-21T13:{minute:02}+00:00") for minute in (0, 5, 10)]
    broker.away = True
    beat.run(13 * 60, step=20)
    assert broker.taken == []
    broker.away = False
    beat.run(40, step=20)
    assert [message.headers["slot"] for message in broker.taken] == [slots[number].isoformat() for number in made_up]
    assert ledger(SlotState.MISSED) == [slots[number] for number in missed]


def test_one_wrong_row_stops_no_other(beat: TurnedBeat, broker: Broker) -> None:
    make_tick(1)
    good = make_schedule("daily 10:00", "America/Sao_Paulo", MORNING)
    good.pk, good.name, good.schedule_rule = None, "tests.broken", None
    good.kwargs = "{"
    good.save()
    beat.run(4)
    assert {message.headers["periodic_task_name"] for message in broker.taken} == {"tests.pulse", KEY}


def test_switching_and_editing_are_seen_at_the_next_pass(beat: TurnedBeat, broker: Broker) -> None:
    task = make_schedule("cron */5 * * * *", "UTC", MORNING)
    beat.run(4)
    edit(task, beat.moment, enabled=False)
    beat.run(12 * 60, step=60)
    edit(task, beat.moment, enabled=True, rule="cron 30 * * * *")
    beat.run(60, step=15)
    assert [message.headers["slot"] for message in broker.taken] == ["2026-11-21T13:00:00+00:00"]
    # Two slots passed while it was switched off: they are missed, and visible.
    assert ledger(SlotState.MISSED) == [at("2026-11-21T13:05+00:00"), at("2026-11-21T13:10+00:00")]


def test_a_row_made_by_hand_gets_slots_from_the_moment_it_is_seen(beat: TurnedBeat, broker: Broker) -> None:
    soon = ClockedSchedule.objects.create(clocked_time=MORNING + timedelta(seconds=2))
    PeriodicTask.objects.create(name="by.hand", task="tests.once", clocked=soon, one_off=True)
    past = ClockedSchedule.objects.create(clocked_time=MORNING - timedelta(days=1))
    PeriodicTask.objects.create(name="by.hand.past", task="tests.once", clocked=past, one_off=True)
    beat.run(10)
    assert [message.headers for message in broker.taken] == [
        {"periodic_task_name": "by.hand", "slot": "2026-11-21T12:59:59.250000+00:00"}
    ]


def test_the_state_of_beat_is_known(beat: TurnedBeat, broker: Broker) -> None:
    assert (beat_state().alive, beat_state().holder, beat_state().age) == (False, "", None)
    assert check_beat().health == Health.FAILED
    make_tick(1)
    beat.run(3)
    state = beat_state()
    assert (state.alive, state.holder, state.term, state.waiting) == (True, "first", 1, 0)
    assert state.age is not None and 0 <= state.age < 5
    assert state.tick_age is not None and state.last_published is not None
    assert check_beat().health == Health.OK
    gauges = {(sample.name, *sample.labels.values()): sample.value for sample in beat_gauges()}
    assert (gauges["beat_lease_held",], gauges["beat_lease_term",], gauges["slots", "missed"]) == (1, 1, 0)
    Slot.objects.create(key="tests.lost", slot=Now(), task="x", queue="x", state=SlotState.MISSED)
    assert check_beat().health == Health.DEGRADED
    beat.close()
    assert (beat_state().alive, check_beat().health) == (False, Health.FAILED)
