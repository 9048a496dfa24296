"""Faults of the clock: several Beats, stopped and killed; a broker and a database that go away; lost messages."""

import os
import signal
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from django.db import connection
from django_celery_beat.models import PeriodicTask

from agency.kit.schedules import Missed
from agency.processes import worker_command
from automations.models import BeatLease, Slot
from automations.states import SlotState
from tests.automations.beats import (
    TICK,
    beats,
    holder_name,
    holder_pid,
    make_slots,
    make_tick,
    soon,
    wait_for,
)
from tests.faults.cut_line import line_to
from tests.live import Live

pytestmark = pytest.mark.faults

TAKEOVER = 10.0  # seconds promised; a lease lasts 6 s and a standby looks each second


def sent_slots(live: Live) -> Counter[str]:
    return Counter(headers["slot"] for headers in live.messages("maintenance"))


def sent_ticks(live: Live) -> Counter[int]:
    return Counter(headers["tick"] for headers in live.messages("critical") if headers["task"] == TICK)


def test_three_beats_one_stopped_one_killed_one_asked_to_stop(live: Live, tmp_path: Path) -> None:
    make_tick()
    with beats(live, tmp_path / "logs", 3) as group:
        slots = make_slots(soon(2), number=100, apart=timedelta(milliseconds=400))

        stopped = holder_pid()
        os.killpg(stopped, signal.SIGSTOP)
        took = wait_for("takeover from a stopped Beat", 2 * TAKEOVER, lambda: holder_pid() != stopped)
        print(f"stopped Beat replaced after {took:.1f} s (promised: {TAKEOVER:g})")
        time.sleep(3)
        os.killpg(stopped, signal.SIGCONT)

        killed = holder_pid()
        group.kill(holder_name(group))
        took = wait_for("takeover from a killed Beat", 2 * TAKEOVER, lambda: holder_pid() != killed)
        print(f"killed Beat replaced after {took:.1f} s (promised: {TAKEOVER:g})")

        asked = holder_pid()
        os.killpg(asked, signal.SIGTERM)
        took = wait_for("takeover from a Beat that was asked to stop", TAKEOVER, lambda: holder_pid() != asked)
        print(f"Beat asked to stop replaced after {took:.1f} s")

        wait_for("all slots", 60, lambda: len(sent_slots(live)) >= len(slots))
        wait_for("the last Beat is alive", 5, lambda: holder_pid() not in (killed, asked))
    assert sent_slots(live) == Counter(slots)
    assert set(sent_ticks(live).values()) == {1}
    assert Slot.objects.exclude(state=SlotState.DUE).count() == 0
    assert BeatLease.objects.get().term == 4


def test_database_connections_terminated_again_and_again(live: Live, tmp_path: Path) -> None:
    make_tick()
    with beats(live, tmp_path / "logs", 2) as group:
        slots = make_slots(soon(2), number=60, apart=timedelta(milliseconds=250))
        with psycopg.connect(live.environment["DATABASE_URL"], autocommit=True) as server:
            for _round in range(10):
                time.sleep(1.5)
                server.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                connection.close()
        wait_for("all slots", 30, lambda: len(sent_slots(live)) >= len(slots))
        assert [name for name, process in group.running.items() if not process.alive] == []
    # A connection that ends between publishing and noting it makes the message come again: the claim makes it harmless.
    assert set(sent_slots(live)) == set(slots)
    assert Slot.objects.count() == len(slots)


@pytest.mark.parametrize("policy", [Missed.SKIP, Missed.ALL])
def test_a_broker_that_goes_away_loses_no_slot(live: Live, tmp_path: Path, policy: Missed) -> None:
    """The line is cut for 15 s while slots come due: all of them are on time, within a minute, under any policy."""
    broker = urlsplit(live.redis_url)
    with line_to(broker.hostname or "127.0.0.1", broker.port or 6379) as line:
        through = live.redis_url.replace(f":{broker.port}", f":{line.port}")
        crossing = replace(live, environment={**live.environment, "REDIS_URL": through})
        with beats(crossing, tmp_path / "logs", 2):
            slots = make_slots(soon(2), number=80, apart=timedelta(milliseconds=250), missed=policy)
            wait_for("the first slots", 30, lambda: len(sent_slots(live)) >= 5)
            line.cut()
            time.sleep(15)
            during = sum(sent_slots(live).values())
            assert Slot.objects.filter(nudged_at=None).count() > 20
            line.mend()
            took = wait_for("all slots", 60, lambda: len(sent_slots(live)) >= len(slots))
            print(f"{len(slots) - during} slots published {took:.1f} s after the broker was back")
    assert sent_slots(live) == Counter(slots)
    assert Slot.objects.filter(state=SlotState.MISSED).count() == 0


def test_messages_that_the_broker_forgets_are_sent_again_and_each_slot_runs_once(live: Live, tmp_path: Path) -> None:
    with beats(live, tmp_path / "logs", 2) as group:
        slots = make_slots(soon(1), number=20, apart=timedelta(milliseconds=100))
        PeriodicTask.objects.update(task="automations.prune_slots")
        wait_for("all slots", 30, lambda: sum(sent_slots(live).values()) >= len(slots))
        with redis.Redis.from_url(live.redis_url) as client:
            client.flushdb()
        group.start("worker", worker_command("worker", ["maintenance"], 2))
        wait_for("all slots done", 150, lambda: Slot.objects.filter(state=SlotState.DONE).count() == len(slots))
    assert set(Slot.objects.values_list("attempt", "detail")) == {(1, "0 rows deleted")}
