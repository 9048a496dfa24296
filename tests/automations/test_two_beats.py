"""Two real Beats: one message per slot and tick, through a kill -9 of the one that fires."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from automations.models import BeatLease, Slot
from tests.automations.beats import TICK, beats, holder_name, holder_pid, make_slots, make_tick, soon, wait_for
from tests.committed import Live


@pytest.mark.scenario
def test_two_beats_fire_each_slot_once_through_a_kill(live: Live, tmp_path: Path) -> None:
    make_tick()
    with beats(live, tmp_path / "logs", 2) as group:
        slots = make_slots(soon(2), number=40, apart=timedelta(milliseconds=300))
        wait_for("a quarter of the slots", 30, lambda: len(live.messages("maintenance")) >= 10)
        fallen = holder_pid()
        group.kill(holder_name(group))
        took = wait_for("the other Beat takes over", 20, lambda: holder_pid() not in (0, fallen))
        assert took <= 10
        wait_for("all slots", 30, lambda: len(live.messages("maintenance")) >= len(slots))
        ticks = [headers["tick"] for headers in live.messages("critical") if headers["task"] == TICK]
    sent = Counter(headers["slot"] for headers in live.messages("maintenance"))
    assert sent == Counter(slots)
    assert Slot.objects.count() == len(slots)
    assert max(Counter(ticks).values()) == 1
    assert BeatLease.objects.get().term == 2
