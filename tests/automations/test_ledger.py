"""Slots and the ledger: both edges of daylight saving time, downtime, switching off and on, edits, outages, two Beats."""

from datetime import UTC, datetime, timedelta

import pytest

from agency.kit.schedules import Missed
from automations.models import ScheduleRule, Slot
from automations.operations.lease import LeaseLost, hold_lease
from automations.operations.settle import settle_schedule
from automations.states import SlotReason, SlotState
from tests.automations.clockwork import (
    at,
    edit,
    holding,
    ledger,
    let_lease_run_out,
    local_times,
    look,
    look_from,
    make_schedule,
)

pytestmark = pytest.mark.django_db

NEW_YORK, SANTIAGO, SAO_PAULO = "America/New_York", "America/Santiago", "America/Sao_Paulo"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("rule", "zone", "begin", "end", "expected"),
    [
        ("daily 02:30", NEW_YORK, "2026-03-07T12:00Z", "2026-03-09T12:00Z", ["08 03:30-0400", "09 02:30-0400"]),
        ("daily 01:30", NEW_YORK, "2026-10-31T12:00Z", "2026-11-02T12:00Z", ["01 01:30-0400", "02 01:30-0500"]),
        ("daily 00:00", SANTIAGO, "2026-09-05T12:00Z", "2026-09-07T12:00Z", ["06 01:00-0300", "07 00:00-0300"]),
        ("daily 23:30", SANTIAGO, "2026-04-04T12:00Z", "2026-04-06T12:00Z", ["04 23:30-0300", "05 23:30-0400"]),
        ("cron 0 */3 * * *", NEW_YORK, "2026-11-01T03:00Z", "2026-11-01T12:00Z",
         ["01 00:00-0400", "01 03:00-0500", "01 06:00-0500"]),
    ],
)  # fmt: skip
def test_one_run_per_slot_on_the_nights_when_clocks_change(
    rule: str, zone: str, begin: str, end: str, expected: list[str]
) -> None:
    task = make_schedule(rule, zone, at(begin), Missed.ALL)
    fired = look_from(task, at(begin), at(end), timedelta(minutes=53))
    assert local_times(fired, zone) == expected
    assert ledger(SlotState.DUE) == fired
    assert ledger(SlotState.MISSED) == []


DOWN = at("2026-11-21T10:00Z")


def every_five_minutes(first: datetime, last: datetime) -> list[datetime]:
    return [first + 5 * MINUTE * step for step in range(int((last - first) / (5 * MINUTE)) + 1)]


@pytest.mark.parametrize("downtime", [10 * MINUTE, 6 * HOUR])
@pytest.mark.parametrize("cause", ["beat down", "broker away", "switched off"])
@pytest.mark.parametrize("policy", list(Missed))
def test_downtime_is_settled_exactly_by_the_policy(policy: Missed, cause: str, downtime: timedelta) -> None:
    """A slot each five minutes; nothing runs from 10:00:30 until two minutes after the last slot of the downtime."""
    task = make_schedule("cron */5 * * * *", SAO_PAULO, DOWN - MINUTE, policy)
    assert look(task, DOWN + timedelta(seconds=1)) == [DOWN]
    back = DOWN + downtime + 2 * MINUTE
    if cause == "broker away":
        during = DOWN + MINUTE
        while during < back:
            look(task, during, broker=False)
            during += downtime / 4
    if cause == "switched off":
        edit(task, DOWN + MINUTE, enabled=False)
        assert look(task, DOWN + downtime) == []
        edit(task, back, enabled=True)
    lost = every_five_minutes(DOWN + 5 * MINUTE, DOWN + downtime)
    made_up = {Missed.SKIP: [], Missed.LATEST: lost[-1:], Missed.ALL: lost}[policy]
    assert look(task, back) == made_up
    assert look(task, back + timedelta(seconds=5)) == []
    assert ledger(SlotState.MISSED) == [slot for slot in lost if slot not in made_up]
    assert ledger(SlotState.DUE) == [DOWN, *made_up]
    following = DOWN + downtime + 5 * MINUTE
    assert look(task, following) == [following]
    reasons = set(Slot.objects.filter(state=SlotState.MISSED).values_list("reason", flat=True))
    wanted = {Missed.SKIP: {SlotReason.LATE}, Missed.LATEST: {SlotReason.SUPERSEDED}, Missed.ALL: set()}[policy]
    assert reasons == (wanted if len(lost) > len(made_up) else set())


def test_months_of_minutes_are_settled_in_batches() -> None:
    begin = at("2026-11-20T00:00Z")
    task = make_schedule("cron * * * * *", SAO_PAULO, begin, Missed.LATEST)
    end = begin + timedelta(minutes=2100, seconds=30)
    # The last one is on time, so it is no made-up one.
    assert look(task, end) == [begin + 2100 * MINUTE]
    assert len(ledger(SlotState.MISSED)) == 2099
    later = end + timedelta(minutes=2100, seconds=45)
    assert look(task, later) == [later.replace(second=0)]
    assert Slot.objects.count() == 4201


@pytest.mark.parametrize("beat_was_down", [False, True])
def test_an_edit_counts_from_the_moment_it_is_made(beat_was_down: bool) -> None:
    """18:00 becomes 10:00 at 15:00: no run for a 10:00 that was never promised, and the next is tomorrow's."""
    task = make_schedule("daily 18:00", "UTC", at("2026-11-20T19:00Z"), Missed.ALL)
    if not beat_was_down:
        assert look(task, at("2026-11-21T14:59:59Z")) == []
    edit(task, at("2026-11-21T15:00Z"), rule="daily 10:00")
    assert look(task, at("2026-11-21T18:30Z")) == []
    assert look(task, at("2026-11-22T18:30Z")) == [at("2026-11-22T10:00Z")]
    assert ledger(SlotState.MISSED) == []


def test_a_beat_that_was_down_follows_the_old_rule_until_the_edit_and_the_new_one_after_it() -> None:
    task = make_schedule("cron 0 * * * *", "UTC", at("2026-11-21T08:30Z"), Missed.ALL)
    assert look(task, at("2026-11-21T09:00Z")) == [at("2026-11-21T09:00Z")]
    edit(task, at("2026-11-21T11:20Z"), rule="cron 30 * * * *")
    assert local_times(look(task, at("2026-11-21T12:45Z")), "UTC") == [
        "21 10:00+0000",
        "21 11:00+0000",
        "21 11:30+0000",
        "21 12:30+0000",
    ]
    assert look(task, at("2026-11-21T13:30Z")) == [at("2026-11-21T13:30Z")]


def test_a_rule_beyond_crontab_stands_beside_a_row_that_ticks_daily() -> None:
    task = make_schedule("quarter-end 18:00", SAO_PAULO, at("2026-01-01T12:00Z"), Missed.LATEST)
    task.refresh_from_db()
    assert str(task.crontab) == "0 0 * * * (m/h/dM/MY/d) America/Sao_Paulo"
    fired = look_from(task, at("2026-03-29T12:00Z"), at("2026-07-02T12:00Z"), 24 * HOUR)
    assert fired == [at("2026-03-31T21:00Z"), at("2026-06-30T21:00Z")]


def test_recreating_a_schedule_does_not_run_a_slot_again() -> None:
    task = make_schedule("daily 10:00", "UTC", at("2026-11-21T09:00Z"), Missed.ALL)
    assert look(task, at("2026-11-21T10:00:01Z")) == [at("2026-11-21T10:00Z")]
    task.delete()
    again = make_schedule("daily 10:00", "UTC", at("2026-11-21T09:00Z"), Missed.ALL)
    assert look(again, at("2026-11-21T10:00:02Z")) == []
    assert Slot.objects.count() == 1


def test_a_beat_without_the_lease_writes_nothing() -> None:
    task = make_schedule("daily 10:00", "UTC", at("2026-11-21T09:00Z"))
    stale = holding("first")
    let_lease_run_out()
    assert holding("second").term == stale.term + 1
    with pytest.raises(LeaseLost):
        settle_schedule(task_id=task.pk, now=at("2026-11-21T10:00Z"), hold=stale)
    assert Slot.objects.count() == 0
    assert ScheduleRule.objects.get().settled_until == at("2026-11-21T09:00Z")


def test_the_lease_is_taken_only_when_it_ran_out_and_its_term_grows() -> None:
    first = holding("first")
    assert hold_lease(holder="second") is None
    assert holding("first").term == first.term
    let_lease_run_out()
    assert holding("first").term == first.term + 1  # it ran out: whatever the holder knew may be stale
    let_lease_run_out()
    assert holding("second").term == first.term + 2
    assert abs(holding("second").now - datetime.now(UTC)) < timedelta(seconds=5)
