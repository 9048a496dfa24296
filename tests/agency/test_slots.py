"""The slot algebra: each rule on both edges of daylight saving time, and the laws that Beat relies on."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from celery.schedules import crontab_parser
from hypothesis import given
from hypothesis import strategies as st

from agency.kit.slots import (
    LAST_DAY,
    Cron,
    Daily,
    Monthly,
    Once,
    QuarterEnd,
    Recurrence,
    Rule,
    RuleError,
    Weekly,
    as_cron,
    next_slot,
    normal_rule_text,
    parse_rule,
    slots,
)
from agency.kit.slots.cron import DAY, HOUR, MINUTE, MONTH, WEEKDAY, cron_field

NEW_YORK = ZoneInfo("America/New_York")
SANTIAGO = ZoneInfo("America/Santiago")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
APIA = ZoneInfo("Pacific/Apia")
YEAR_BEGINS = datetime(2026, 1, 1)  # noqa: DTZ001
YEAR_ENDS = datetime(2026, 12, 31)  # noqa: DTZ001


def local(rule: str, zone: ZoneInfo, first: str, last: str) -> list[str]:
    """The slots between two instants, as local texts with offset."""
    found = slots(parse_rule(rule), zone, datetime.fromisoformat(first), datetime.fromisoformat(last))
    return [instant.astimezone(zone).strftime("%d %H:%M%z") for instant in found]


@pytest.mark.parametrize(
    ("rule", "zone", "first", "last", "expected"),
    [
        # New York, 8 March 2026: 02:00 becomes 03:00.
        ("daily 02:30", NEW_YORK, "2026-03-07T05:00Z", "2026-03-10T04:00Z",
         ["07 02:30-0500", "08 03:30-0400", "09 02:30-0400"]),
        ("cron */30 1-3 * * *", NEW_YORK, "2026-03-08T05:00Z", "2026-03-09T04:00Z",
         ["08 01:00-0500", "08 01:30-0500", "08 03:00-0400", "08 03:30-0400"]),
        ("cron 0 * * * *", NEW_YORK, "2026-03-08T05:30Z", "2026-03-08T08:30Z",
         ["08 01:00-0500", "08 03:00-0400", "08 04:00-0400"]),
        # New York, 1 November 2026: 02:00 becomes 01:00 again.
        ("daily 01:30", NEW_YORK, "2026-10-31T04:00Z", "2026-11-03T05:00Z",
         ["31 01:30-0400", "01 01:30-0400", "02 01:30-0500"]),
        ("cron 30 * * * *", NEW_YORK, "2026-11-01T04:00Z", "2026-11-01T07:45Z",
         ["01 00:30-0400", "01 01:30-0400", "01 01:30-0500", "01 02:30-0500"]),
        ("rrule DTSTART:20261101T000000 RRULE:FREQ=HOURLY", NEW_YORK, "2026-11-01T03:00Z", "2026-11-01T07:00Z",
         ["01 00:00-0400", "01 01:00-0400", "01 01:00-0500", "01 02:00-0500"]),
        # Santiago, 5 September 2026 at 24:00 becomes 01:00 of the sixth: that midnight does not exist.
        ("daily 00:00", SANTIAGO, "2026-09-05T01:00Z", "2026-09-08T00:00Z",
         ["05 00:00-0400", "06 01:00-0300", "07 00:00-0300"]),
        ("daily 00:30,01:00,01:30", SANTIAGO, "2026-09-06T03:00Z", "2026-09-07T02:00Z",
         ["06 01:00-0300", "06 01:30-0300"]),
        ("weekly sun 00:15", SANTIAGO, "2026-09-05T12:00Z", "2026-09-07T00:00Z", ["06 01:15-0300"]),
        # Santiago, 4 April 2026 at 24:00 becomes 23:00 again.
        ("daily 23:30", SANTIAGO, "2026-04-04T03:00Z", "2026-04-06T05:00Z", ["04 23:30-0300", "05 23:30-0400"]),
        ("cron 0 */1 * * *", SANTIAGO, "2026-04-05T01:00Z", "2026-04-05T05:30Z",
         ["04 23:00-0300", "04 23:00-0400", "05 00:00-0400", "05 01:00-0400"]),
        # A whole day that never was: Samoa had no 30 December 2011.
        ("daily 10:00,22:00", APIA, "2011-12-29T10:00Z", "2011-12-31T20:00Z",
         ["29 10:00-1000", "29 22:00-1000", "31 10:00+1400", "31 22:00+1400", "01 10:00+1400"]),
        # Calendars.
        ("monthly 31 08:00", SAO_PAULO, "2026-01-01T00:00Z", "2026-05-01T00:00Z",
         ["31 08:00-0300", "28 08:00-0300", "31 08:00-0300", "30 08:00-0300"]),
        ("monthly last 08:00", SAO_PAULO, "2028-02-01T00:00Z", "2028-03-01T00:00Z", ["29 08:00-0300"]),
        ("quarter-end 18:00", SAO_PAULO, "2026-01-01T00:00Z", "2027-01-01T00:00Z",
         ["31 18:00-0300", "30 18:00-0300", "30 18:00-0300", "31 18:00-0300"]),
        ("rrule DTSTART:20260101T090000 RRULE:FREQ=MONTHLY;BYDAY=2TU", SAO_PAULO, "2026-11-01T00:00Z",
         "2027-01-01T00:00Z", ["10 09:00-0300", "08 09:00-0300"]),
        ("cron 0 9 * * 0", SAO_PAULO, "2026-11-01T00:00Z", "2026-11-09T00:00Z", ["01 09:00-0300", "08 09:00-0300"]),
        ("once 2026-12-24T10:00", SAO_PAULO, "2026-12-24T12:59Z", "2030-01-01T00:00Z", ["24 10:00-0300"]),
    ],
)  # fmt: skip
def test_slots_of_a_rule(rule: str, zone: ZoneInfo, first: str, last: str, expected: list[str]) -> None:
    assert local(rule, zone, first, last) == expected


def test_bounds_are_after_exclusive_until_inclusive() -> None:
    ten = datetime(2026, 11, 21, 13, tzinfo=UTC)
    rule = parse_rule("daily 10:00")
    assert list(slots(rule, SAO_PAULO, ten, ten + timedelta(days=1))) == [ten + timedelta(days=1)]
    assert list(slots(rule, SAO_PAULO, ten - timedelta(seconds=1), ten)) == [ten]


def test_next_slot_looks_far_and_knows_when_there_is_none() -> None:
    leap_day = parse_rule("cron 0 0 29 2 *")
    assert next_slot(leap_day, SAO_PAULO, datetime(2096, 3, 1, tzinfo=UTC)) == datetime(2104, 2, 29, 3, tzinfo=UTC)
    once = parse_rule("once 2026-12-24T10:00")
    assert next_slot(once, SAO_PAULO, datetime(2026, 12, 24, 13, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("every day", "unknown rule"),
        ("daily", "needs more"),
        ("daily 25:00", "write the time as"),
        ("weekly monday 10:00", "write weekdays as"),
        ("monthly 32 10:00", "1 to 31 or last"),
        ("cron 0 10 * *", "five fields"),
        ("cron 0 24 * * *", "not a cron rule"),
        ("cron 0 0 30 2 *", "not a cron rule"),
        ("once tomorrow", "write the single time"),
        ("once 2026-12-24T10:00Z", "without a time zone"),
        ("rrule RRULE:FREQ=DAILY", "needs its first time"),
        ("rrule DTSTART:20260101T090000Z RRULE:FREQ=DAILY", "in local time"),
        ("rrule DTSTART:20260101T090000 RRULE:FREQ=MINUTELY", "at most hourly"),
        ("rrule DTSTART:20260101T090000 RRULE:FREQ=SOMETIMES", "not a recurrence"),
    ],
)
def test_a_wrong_rule_gets_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(RuleError, match=sentence):
        parse_rule(text)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("daily 10:00,16:00", "cron 0 10,16 * * *"),
        ("daily 10:00,16:30", "daily 10:00,16:30"),
        ("weekly sun,mon 09:30", "cron 30 9 * * 1,0"),
        ("monthly 28 08:00", "cron 0 8 28 * *"),
        ("monthly 29 08:00", "monthly 29 08:00"),
        ("monthly last 08:00", "monthly last 08:00"),
        ("  cron  0 10 * * mon-fri ", "cron 0 10 * * mon-fri"),
    ],
)
def test_a_crontab_says_it_where_it_can(text: str, normal: str) -> None:
    assert normal_rule_text(text) == normal


times = st.lists(st.builds(time, st.integers(0, 23), st.integers(0, 59)), min_size=1, max_size=3, unique=True).map(
    lambda found: tuple(sorted(found))
)
cron_hours = st.sampled_from(["*", "*/2", "*/5", "0", "1", "2", "23", "0-3", "1,13"])
rules = st.one_of(
    st.builds(Daily, times),
    st.builds(Weekly, st.frozensets(st.integers(0, 6), min_size=1), times),
    st.builds(Monthly, st.sampled_from([1, 5, 28, 29, 30, 31, LAST_DAY]), times),
    st.builds(QuarterEnd, times),
    st.builds(Once, st.datetimes(YEAR_BEGINS, YEAR_ENDS).map(lambda at: at.replace(second=0, microsecond=0))),
    st.builds(Cron, st.sampled_from(["0", "30", "*/20", "59"]), cron_hours, st.sampled_from(["*", "1", "1-7"]),
              st.just("*"), st.sampled_from(["*", "0", "mon-fri"])),
    st.sampled_from([
        Recurrence("DTSTART:20251201T013000\nRRULE:FREQ=HOURLY;INTERVAL=3"),
        Recurrence("DTSTART:20251201T023000\nRRULE:FREQ=DAILY;INTERVAL=2"),
        Recurrence("DTSTART:20251201T000000\nRRULE:FREQ=MONTHLY;BYDAY=-1SU"),
    ]),
)  # fmt: skip
zones = st.sampled_from([NEW_YORK, SANTIAGO, SAO_PAULO, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Europe/Lisbon")])
moments = st.datetimes(YEAR_BEGINS, YEAR_ENDS, timezones=st.just(UTC))
spans = st.timedeltas(timedelta(0), timedelta(days=45))


@given(rules, zones, moments, st.lists(spans, min_size=2, max_size=2).map(sorted))
def test_splitting_an_interval_changes_nothing(
    rule: Rule, zone: ZoneInfo, after: datetime, parts: list[timedelta]
) -> None:
    middle, until = after + parts[0], after + parts[1]
    whole = list(slots(rule, zone, after, until))
    assert whole == sorted(set(whole))
    assert all(after < instant <= until for instant in whole)
    assert list(slots(rule, zone, after, middle)) + list(slots(rule, zone, middle, until)) == whole


@given(rules, zones, moments)
def test_the_next_slot_is_the_first_of_the_slots(rule: Rule, zone: ZoneInfo, after: datetime) -> None:
    following = next_slot(rule, zone, after)
    if following is None:
        assert isinstance(rule, Once)
        assert list(slots(rule, zone, after, after + timedelta(days=400))) == []
    else:
        assert list(slots(rule, zone, after, following)) == [following]


@given(rules, zones)
def test_every_named_local_time_gives_a_slot_and_a_day_never_two_for_one_time(rule: Rule, zone: ZoneInfo) -> None:
    whole = list(slots(rule, zone, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)))
    named = list(rule.walls(date(2026, 1, 3), date(2026, 12, 28)))
    found = {instant.astimezone(zone).replace(tzinfo=None) for instant in whole}
    exist = [
        wall
        for wall in named
        if wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall
    ]
    assert set(exist) <= found
    if not rule.follows_elapsed_time:
        assert len(whole) <= len(list(rule.walls(date(2025, 12, 30), date(2027, 1, 2))))
        assert len(found) == len(whole)


@given(rules)
def test_text_and_crontab_name_the_same_slots(rule: Rule) -> None:
    bounds = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
    assert parse_rule(str(rule)) == rule
    cron = as_cron(rule)
    if cron is not None:
        assert list(slots(cron, SAO_PAULO, *bounds)) == list(slots(rule, SAO_PAULO, *bounds))


@given(
    st.sampled_from([MINUTE, HOUR, DAY, MONTH, WEEKDAY]).flatmap(
        lambda bounds: st.tuples(
            st.just(bounds),
            st.lists(
                st.one_of(
                    st.just("*"),
                    st.integers(*bounds).map(str),
                    st.integers(1, 9).map("*/{}".format),
                    st.builds("{}-{}".format, st.integers(*bounds), st.integers(*bounds)),
                    st.builds("{}-{}/{}".format, st.integers(*bounds), st.integers(*bounds), st.integers(1, 9)),
                ),
                min_size=1,
                max_size=3,
            ).map(",".join),
        )
    )
)
def test_cron_fields_mean_what_they_mean_to_celery(drawn: tuple[tuple[int, int], str]) -> None:
    bounds, text = drawn
    assert cron_field(text, bounds) == crontab_parser(bounds[1] - bounds[0] + 1, bounds[0]).parse(text)


def test_weekdays_and_months_have_names() -> None:
    assert cron_field("fri-mon", WEEKDAY) == {5, 6, 0, 1}
    assert cron_field("jan,Dec", MONTH) == {1, 12}
