"""Windows, weekdays, holidays and the edges of summer time: the clock on the wall decides."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.rules.policy import (
    CapConsequence,
    ContactFacts,
    FrequencyCap,
    Never,
    OpenHours,
    SendPolicy,
    ZonePolicy,
    job_not_before,
    not_before,
)
from messaging.rules.send_policy import ConsentRule
from messaging.states import Reason

SAO_PAULO, SANTIAGO, NEW_YORK = "America/Sao_Paulo", "America/Santiago", "America/New_York"


def at(zone: str, text: str, fold: int = 0) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


def hours(window: str = "", **more: object) -> OpenHours:
    start, end = (dt.time.fromisoformat(part) for part in (window or "00:00-00:00").split("-"))
    return OpenHours(start=start, end=end, **more)  # type: ignore[arg-type]


WEEK = frozenset({1, 2, 3, 4, 5})
CASES = [
    # zone, hours, asked at, expected wall time (with "*" for the second pass of a repeated hour)
    (SAO_PAULO, hours("09:00-20:00"), "2026-03-02T08:59:59", "2026-03-02T09:00"),
    (SAO_PAULO, hours("09:00-20:00"), "2026-03-02T09:00:00", "2026-03-02T09:00"),
    (SAO_PAULO, hours("09:00-20:00"), "2026-03-02T19:59:59", "2026-03-02T19:59:59"),
    (SAO_PAULO, hours("09:00-20:00"), "2026-03-02T20:00:00", "2026-03-03T09:00"),
    (SAO_PAULO, hours("09:00-20:00", weekdays=WEEK), "2026-03-06T20:00:00", "2026-03-09T09:00"),
    # overnight: Friday's window goes on until Saturday 06:00 and there is none on Saturday evening
    (SAO_PAULO, hours("22:00-06:00", weekdays=WEEK), "2026-03-07T05:59:00", "2026-03-07T05:59"),
    (SAO_PAULO, hours("22:00-06:00", weekdays=WEEK), "2026-03-07T06:00:00", "2026-03-09T22:00"),
    (SAO_PAULO, hours("22:00-06:00", weekdays=WEEK), "2026-03-09T03:00:00", "2026-03-09T22:00"),
    # holidays: national, of a state, of a city; the night before a holiday ends at midnight, the night of it resumes after it
    (SAO_PAULO, hours("09:00-20:00", holidays=("BR",)), "2026-09-06T20:00:00", "2026-09-08T09:00"),
    (SAO_PAULO, hours("09:00-20:00", holidays=("BR",)), "2026-07-09T10:00:00", "2026-07-09T10:00"),
    (SAO_PAULO, hours("09:00-20:00", holidays=("BR-SP",)), "2026-07-09T10:00:00", "2026-07-10T09:00"),
    (SAO_PAULO, hours("09:00-20:00", holidays=("BR-São Paulo Capital",)), "2026-01-25T10:00:00", "2026-01-26T09:00"),
    (SAO_PAULO, hours("22:00-06:00", holidays=("BR",)), "2026-09-06T23:59:00", "2026-09-06T23:59"),
    (SAO_PAULO, hours("22:00-06:00", holidays=("BR",)), "2026-09-07T00:00:00", "2026-09-08T00:00"),
    (SAO_PAULO, hours(blackout=frozenset({dt.date(2026, 12, 24)})), "2026-12-24T00:00:00", "2026-12-25T00:00"),
    # Santiago, 2026-09-06: the clock jumps from 00:00 to 01:00; 2026-04-05: from 24:00 back to 23:00 of 04-04
    (SANTIAGO, hours("00:30-06:00"), "2026-09-05T12:00:00", "2026-09-06T01:00"),
    (SANTIAGO, hours("00:10-00:50"), "2026-09-05T12:00:00", "2026-09-07T00:10"),
    (SANTIAGO, hours(weekdays=frozenset({7})), "2026-09-05T12:00:00", "2026-09-06T01:00"),
    (SANTIAGO, hours("22:00-23:30"), "2026-04-04T23:40:00", "2026-04-04T23:00*"),
    (SANTIAGO, hours("22:00-23:30"), "2026-04-04T23:40:00*", "2026-04-05T22:00"),
    (SANTIAGO, hours(weekdays=frozenset({7})), "2026-04-04T23:40:00", "2026-04-05T00:00"),
    # New York, 2026-03-08: from 02:00 to 03:00; 2026-11-01: from 02:00 back to 01:00
    (NEW_YORK, hours("02:30-09:00"), "2026-03-08T01:00:00", "2026-03-08T03:00"),
    (NEW_YORK, hours("02:10-02:50"), "2026-03-08T01:00:00", "2026-03-09T02:10"),
    (NEW_YORK, hours("01:30-01:45"), "2026-11-01T01:50:00", "2026-11-01T01:30*"),
    (NEW_YORK, hours("01:30-01:45"), "2026-11-01T01:45:00*", "2026-11-02T01:30"),
    (NEW_YORK, hours("22:00-01:30"), "2026-11-01T01:40:00", "2026-11-01T01:00*"),
]


@pytest.mark.parametrize(("zone", "open_hours", "asked", "expected"), CASES)
def test_the_window_opens(zone: str, open_hours: OpenHours, asked: str, expected: str) -> None:
    now = at(zone, asked.rstrip("*"), asked.endswith("*"))
    answer = job_not_before(SendPolicy(hours=open_hours), zone, now)
    wanted = at(zone, expected.rstrip("*"), expected.endswith("*"))
    assert isinstance(answer, dt.datetime)
    assert answer.astimezone(dt.UTC) == wanted.astimezone(dt.UTC)


def test_closed_for_longer_than_400_days_is_never() -> None:
    every_day = frozenset(dt.date(2026, 1, 1) + dt.timedelta(days=day) for day in range(500))
    policy = SendPolicy(hours=OpenHours(blackout=every_day))
    assert job_not_before(policy, SAO_PAULO, at(SAO_PAULO, "2026-01-02T00:00")) == Never(Reason.BLACKOUT)


def test_quiet_time_and_cap_of_one_person() -> None:
    now = at(SAO_PAULO, "2026-03-02T10:00")
    day = OpenHours(dt.time(9), dt.time(20))
    week = dt.timedelta(days=7)
    defer, skip = FrequencyCap(2, 7), FrequencyCap(2, 7, CapConsequence.SKIP)
    sends = (now - dt.timedelta(days=6), now - dt.timedelta(days=8), now - dt.timedelta(days=1))

    assert not_before(ContactFacts(SAO_PAULO), SendPolicy(hours=day, cap=defer), now) == now
    assert not_before(ContactFacts(SAO_PAULO, recent_sends=sends[:2]), SendPolicy(cap=defer), now) == now
    assert not_before(ContactFacts(SAO_PAULO, recent_sends=sends), SendPolicy(cap=defer), now) == sends[0] + week
    assert not_before(ContactFacts(SAO_PAULO, recent_sends=sends), SendPolicy(cap=skip), now) == Never(
        Reason.FREQUENCY_CAP
    )
    # exactly seven days old is old enough
    assert (
        not_before(ContactFacts(SAO_PAULO, recent_sends=sends), SendPolicy(cap=skip), sends[0] + week)
        == sends[0] + week
    )

    evening = at(SAO_PAULO, "2026-03-02T21:00")
    quiet = ContactFacts(SAO_PAULO, quiet_until=evening)
    assert not_before(quiet, SendPolicy(hours=day), now) == at(SAO_PAULO, "2026-03-03T09:00")
    assert not_before(quiet, SendPolicy(), now) == evening
    assert not_before(quiet, SendPolicy(), evening + week) == evening + week
    for_ever = ContactFacts(SAO_PAULO, quiet_until=dt.datetime.max.replace(tzinfo=dt.UTC))
    assert not_before(for_ever, SendPolicy(hours=day), now) == Never(Reason.QUIET_UNTIL)


def test_whose_clock() -> None:
    names = {"agency": SAO_PAULO, "client": SANTIAGO, "contact": NEW_YORK}
    assert SendPolicy(zone=ZonePolicy.AGENCY).zone_name(**names) == SAO_PAULO
    assert SendPolicy(zone=ZonePolicy.CLIENT).zone_name(**names) == SANTIAGO
    assert SendPolicy(zone=ZonePolicy.CONTACT).zone_name(**names) == NEW_YORK
    assert SendPolicy(zone=ZonePolicy.CONTACT).zone_name(**names | {"contact": "Mars/Base"}) == SANTIAGO
    assert SendPolicy(zone=ZonePolicy.CONTACT).zone_name(agency="", client="", contact="") == "UTC"


ZONES = st.sampled_from([SAO_PAULO, SANTIAGO, NEW_YORK, "UTC", "Pacific/Apia", "Asia/Kathmandu", "Australia/Lord_Howe"])
TIMES = st.builds(dt.time, st.integers(0, 23), st.sampled_from([0, 1, 30, 59]))
# around the changes of the clock in 2026 as often as anywhere
CHANGES = ("2026-03-08T07:00Z", "2026-04-05T03:00Z", "2026-09-06T04:00Z", "2026-11-01T06:00Z")
MOMENTS = st.builds(
    lambda start, minutes: dt.datetime.fromisoformat(start) + dt.timedelta(minutes=minutes),
    st.sampled_from(CHANGES),
    st.integers(-2000, 2000) | st.integers(-150_000, 150_000),
)
HOURS = st.builds(
    OpenHours,
    TIMES,
    TIMES,
    st.frozensets(st.integers(1, 7), min_size=1),
    st.sampled_from([(), ("BR",), ("BR-SP", "CL")]),
    st.frozensets(st.dates(dt.date(2025, 12, 1), dt.date(2027, 2, 1)), max_size=40),
)
POLICIES = st.builds(
    SendPolicy,
    st.sampled_from(ZonePolicy),
    HOURS,
    st.none() | st.builds(FrequencyCap, st.integers(1, 3), st.integers(1, 10), st.sampled_from(CapConsequence)),
    st.sampled_from(ConsentRule),
)


@st.composite
def questions(draw: st.DrawFn) -> tuple[ContactFacts, SendPolicy, dt.datetime]:
    now = draw(MOMENTS)
    past = st.integers(0, 12 * 24 * 60).map(lambda minutes: now - dt.timedelta(minutes=minutes))
    quiet = st.none() | st.integers(-5000, 50_000).map(lambda minutes: now + dt.timedelta(minutes=minutes))
    facts = ContactFacts(draw(ZONES), draw(quiet), tuple(draw(st.lists(past, max_size=5))))
    return facts, draw(POLICIES), now


@settings(max_examples=400, deadline=None)
@given(questions())
def test_the_answer_is_later_stable_open_and_capped(question: tuple[ContactFacts, SendPolicy, dt.datetime]) -> None:
    facts, policy, now = question
    answer = not_before(facts, policy, now)
    if isinstance(answer, Never):
        assert answer.reason in (Reason.FREQUENCY_CAP, Reason.BLACKOUT)
        return
    assert answer >= now
    assert facts.quiet_until is None or answer >= facts.quiet_until
    assert not_before(facts, policy, answer) == answer
    wall = answer.astimezone(ZoneInfo(facts.zone))
    assert policy.hours.allows(wall)
    assert wall.date() not in policy.hours.blackout
    if policy.cap:
        span = dt.timedelta(days=policy.cap.days)
        assert sum(answer - span < sent for sent in facts.recent_sends) < policy.cap.messages


@settings(max_examples=150, deadline=None)
@given(HOURS, ZONES, MOMENTS)
def test_nothing_open_is_passed_over(open_hours: OpenHours, zone: str, now: dt.datetime) -> None:
    """Minute by minute for three days, the slow way round."""
    answer = job_not_before(SendPolicy(hours=open_hours), zone, now)
    place = ZoneInfo(zone)
    minute = now.replace(second=0, microsecond=0)
    slow = next(
        (
            max(now, moment)
            for moment in (minute + dt.timedelta(minutes=ahead) for ahead in range(3 * 24 * 60))
            if open_hours.allows(moment.astimezone(place))
        ),
        None,
    )
    if slow is None:
        assert isinstance(answer, Never) or answer >= minute + dt.timedelta(days=3)
    else:
        assert answer == slow


@settings(max_examples=100, deadline=None)
@given(POLICIES)
def test_json_keeps_a_policy(policy: SendPolicy) -> None:
    stored = policy.to_json()
    again = SendPolicy.from_json(stored)
    assert again.to_json() == stored
    assert again == policy or policy.hours.start == policy.hours.end  # every whole day is written alike
