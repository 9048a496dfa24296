"""Whose turn it is, when an attempt is made again, and what a warm-up allows."""

import datetime as dt
import random

import pytest

from messaging.rules.fairness import FLOOR_EVERY, Waiting, forgotten, next_job
from messaging.rules.retries import retry_delay
from messaging.selectors.limits import warm_up_limit

URGENT, LARGE, SMALL, LOW = Waiting(1, 1, 9), Waiting(2, 2, 3), Waiting(3, 3, 3), Waiting(4, 4, 1)


@pytest.mark.parametrize(
    ("waiting", "served", "turn", "chosen"),
    [
        ([LARGE, URGENT, SMALL], {1: 10_000}, 0, URGENT),  # priority before what a client has had
        ([LARGE, SMALL], {2: 5_000, 3: 100}, 0, SMALL),
        ([LARGE, SMALL], {2: 5_000}, 0, SMALL),  # a newcomer has had nothing
        ([LARGE, SMALL], {}, 0, LARGE),  # the order given breaks ties
        ([URGENT, LARGE, LOW], {4: 10_000}, FLOOR_EVERY - 1, LOW),  # the floor
        ([URGENT, LARGE, LOW], {}, FLOOR_EVERY, URGENT),
    ],
)
def test_whose_turn_it_is(waiting: list[Waiting], served: dict[int, int], turn: int, chosen: Waiting) -> None:
    assert next_job(waiting, served, turn) == chosen


def test_low_priorities_get_their_share_beside_urgent_ones_without_end() -> None:
    turns = [next_job([URGENT, LOW], {}, turn).job_id for turn in range(100)]
    assert turns.count(LOW.job_id) == 100 // FLOOR_EVERY


@pytest.mark.parametrize(
    ("served", "clients", "kept"),
    [
        ({1: 700, 2: 200}, {1, 2}, {1: 500, 2: 0}),
        ({1: 700, 2: 200}, {1, 2, 3}, {1: 500, 2: 0, 3: 0}),  # who comes back owes nothing and is owed nothing
        ({1: 700}, {2}, {2: 0}),
        ({}, set(), {}),
    ],
)
def test_what_clients_had_is_counted_from_the_least_served(
    served: dict[int, int], clients: set[int], kept: dict[int, int]
) -> None:
    assert forgotten(served, clients) == kept


@pytest.mark.parametrize(("attempt", "minutes"), [(1, 2), (2, 4), (3, 8), (7, 8)])
def test_retries_wait_two_four_and_eight_minutes_give_or_take_a_fifth(attempt: int, minutes: int) -> None:
    chance = random.Random(1)
    waits = [retry_delay(attempt, chance) / dt.timedelta(minutes=minutes) for _ in range(500)]
    assert 0.8 <= min(waits) < 0.85 and 1.15 < max(waits) <= 1.2


@pytest.mark.parametrize(
    ("day", "allowed"), [(0, 50), (1, 50), (2, 50), (3, 200), (6, 200), (7, 1_000), (8, 0)]
)  # 0: no limit of the warm-up's any more
def test_a_warm_up_grows_step_by_step_and_ends(day: int, allowed: int) -> None:
    begun = dt.date(2026, 11, 1)
    assert warm_up_limit([[7, 1_000], [1, 50], [3, 200]], begun, begun + dt.timedelta(days=day - 1)) == allowed


@pytest.mark.parametrize(("steps", "begun"), [([], dt.date(2026, 11, 1)), ([[1, 50]], None)])
def test_without_steps_or_a_beginning_there_is_no_warm_up(steps: list[list[int]], begun: dt.date | None) -> None:
    assert warm_up_limit(steps, begun, dt.date(2026, 11, 1)) == 0
