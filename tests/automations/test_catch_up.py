"""The policies for missed slots, as pure decisions."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency.kit.schedules import Missed
from agency.kit.slots import parse_rule
from automations.rules.catch_up import ON_TIME, Stretch, unsettled, verdict

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")


def ago(*minutes: float) -> tuple[datetime, ...]:
    return tuple(NOON - timedelta(minutes=number) for number in minutes)


@pytest.mark.parametrize(
    ("policy", "waiting", "more", "fire", "missed"),
    [
        (Missed.SKIP, ago(30, 20, 10), False, (), ago(30, 20, 10)),
        (Missed.LATEST, ago(30, 20, 10), False, ago(10), ago(30, 20)),
        (Missed.ALL, ago(30, 20, 10), False, ago(30, 20, 10), ()),
        # One that is on time is fired in any case, and is then the latest.
        (Missed.SKIP, ago(10, 0.5), False, ago(0.5), ago(10)),
        (Missed.LATEST, ago(10, 0.5), False, ago(0.5), ago(10)),
        (Missed.SKIP, ago(1), False, ago(1), ()),
        # With later ones behind this batch, none in it is the latest.
        (Missed.LATEST, ago(30, 20), True, (), ago(30, 20)),
        (Missed.LATEST, (), False, (), ()),
    ],
)
def test_verdict(
    policy: Missed,
    waiting: tuple[datetime, ...],
    more: bool,
    fire: tuple[datetime, ...],
    missed: tuple[datetime, ...],
) -> None:
    decided = verdict(policy, waiting, NOON, more)
    assert (decided.fire, decided.missed) == (fire, missed)


@given(
    st.sampled_from(list(Missed)),
    st.lists(st.integers(0, 10_000), unique=True).map(sorted),
    st.booleans(),
)
def test_every_slot_is_fired_or_missed_and_at_most_one_late_one_is_made_up_by_latest(
    policy: Missed, seconds: list[int], more: bool
) -> None:
    waiting = [NOON - timedelta(seconds=number) for number in reversed(seconds)]
    decided = verdict(policy, waiting, NOON, more)
    assert sorted((*decided.fire, *decided.missed)) == waiting
    late = [slot for slot in decided.fire if NOON - slot > ON_TIME]
    assert len(late) <= {Missed.SKIP: 0, Missed.LATEST: 1, Missed.ALL: len(waiting)}[policy]


@given(st.lists(st.integers(1, 1500), min_size=1, max_size=10).map(sorted), st.integers(25, 60))
def test_batches_of_any_size_list_each_slot_once(minutes: list[int], limit: int) -> None:
    """However often and late Beat looks, and however small a batch is, the slots are those of the rule."""
    begin = NOON - timedelta(minutes=1501)
    rule, since, seen = parse_rule("cron */7 * * * *"), begin, list[datetime]()
    for look in (begin + timedelta(minutes=number) for number in minutes):
        more = True
        while more:
            batch = unsettled([Stretch(rule, UTC_ZONE, since, look)], look, limit)
            seen.extend(batch.slots)
            since, more = batch.until, batch.more
    end = begin + timedelta(minutes=minutes[-1])
    assert seen == list(unsettled([Stretch(rule, UTC_ZONE, begin, end)], end, 100_000).slots)
