"""The forecast: known cases, and that it adds up and obeys its limits."""

import datetime as dt

from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.outreach.rules.forecast import DAY, HOUR, Forecast, Limits, forecast
from messaging.rules.policy import OpenHours, SendPolicy

SAO_PAULO, LISBON = "America/Sao_Paulo", "Europe/Lisbon"
NOON = dt.datetime(2026, 3, 10, 15, 0, tzinfo=dt.UTC)  # Tuesday 12:00 in São Paulo
ALWAYS = SendPolicy()
OFFICE = SendPolicy(hours=OpenHours(dt.time(9), dt.time(18), frozenset({1, 2, 3, 4, 5})))


def test_known_cases() -> None:
    assert forecast({}, ALWAYS, Limits(10), NOON) == Forecast(0, NOON, NOON, 0, ())
    assert forecast({"UTC": 1}, ALWAYS, Limits(0), NOON).finish_at is None

    fast = forecast({SAO_PAULO: 36_000}, ALWAYS, Limits(10), NOON)
    assert (fast.first_at, fast.finish_at, fast.days) == (NOON, NOON + HOUR, 1)
    assert fast.curve == ((NOON, 36_000),)

    slow = forecast({SAO_PAULO: 500}, ALWAYS, Limits(10, per_hour=100), NOON)
    assert slow.curve == tuple((NOON + n * HOUR, 100) for n in range(5))

    # 50 a day, the default: 18,000 people take a year, and it says so
    long = forecast({SAO_PAULO: 18_000}, ALWAYS, Limits(10, per_day=50), NOON)
    assert long.extrapolated and long.finish_at is not None
    assert 350 <= long.days <= 365

    short = forecast({SAO_PAULO: 150}, ALWAYS, Limits(10, per_day=50), NOON)
    assert short.curve == tuple((NOON + n * DAY, 50) for n in range(3))
    assert short.days == 3


def test_it_waits_for_the_window_of_each_zone() -> None:
    evening = dt.datetime(2026, 3, 13, 20, 30, tzinfo=dt.UTC)  # Friday 17:30 in São Paulo, 20:30 in Lisbon
    found = forecast({SAO_PAULO: 3_600, LISBON: 1_800}, OFFICE, Limits(1), evening)
    friday, monday = evening.replace(minute=0), dt.datetime(2026, 3, 16, 9, tzinfo=dt.UTC)
    assert found.curve == ((friday, 1_800), (monday, 1_800), (monday + 3 * HOUR, 1_800))
    assert found.finish_at == monday + 3 * HOUR + dt.timedelta(minutes=30)

    closed = SendPolicy(hours=OpenHours(blackout=frozenset(NOON.date() + n * DAY for n in range(500))))
    assert forecast({SAO_PAULO: 1}, closed, Limits(1), NOON) == Forecast(1, None, None, 0, ())


@settings(max_examples=60)
@given(
    st.dictionaries(st.sampled_from([SAO_PAULO, LISBON, "America/New_York"]), st.integers(0, 5_000), min_size=1),
    st.sampled_from([ALWAYS, OFFICE, SendPolicy(hours=OpenHours(dt.time(22), dt.time(6)))]),
    st.builds(Limits, st.sampled_from([0.5, 3, 80]), st.sampled_from([0, 100, 1000]), st.sampled_from([0, 500, 3000])),
)
def test_it_adds_up_and_obeys(people: dict[str, int], policy: SendPolicy, limits: Limits) -> None:
    found = forecast(people, policy, limits, NOON)
    sent = sum(number for _, number in found.curve)
    assert found.finish_at is not None and found.finish_at >= NOON
    assert sent == sum(people.values()) or found.extrapolated
    for hour, number in found.curve:
        # a clock hour may touch two counted hours
        assert not limits.per_hour or number <= 2 * limits.per_hour
        assert number <= limits.per_second * 3600 + 1
        if limits.per_day:
            assert sum(other for at, other in found.curve if hour - DAY < at < hour) <= limits.per_day + 1
