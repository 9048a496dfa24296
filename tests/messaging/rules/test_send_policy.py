"""Reading sending rules: what is right is kept, what is wrong is named."""

import datetime as dt

import pytest

from agency.kit.errors import InvalidInput
from messaging.rules.policy import CapConsequence, ConsentRule, FrequencyCap, OpenHours, SendPolicy, ZonePolicy


def test_reads_every_part() -> None:
    policy = SendPolicy.from_json(
        {
            "zone": "contact",
            "window": {"start": "22:00", "end": "06:00"},
            "weekdays": [1, 5],
            "holidays": ["BR-SP"],
            "blackout": ["2026-12-24"],
            "cap": {"messages": 2, "days": 7, "consequence": "skip"},
            "consent": "required",
        }
    )
    assert policy == SendPolicy(
        ZonePolicy.CONTACT,
        OpenHours(dt.time(22), dt.time(6), frozenset({1, 5}), ("BR-SP",), frozenset({dt.date(2026, 12, 24)})),
        FrequencyCap(2, 7, CapConsequence.SKIP),
        ConsentRule.REQUIRED,
    )
    assert SendPolicy.from_json({}) == SendPolicy()
    assert SendPolicy().always_open and not SendPolicy(zone=ZonePolicy.CONTACT).per_contact_zone
    assert policy.per_contact_zone and not policy.always_open


@pytest.mark.parametrize(
    ("value", "field", "text"),
    [
        ([], "policy", "the sending rules are an object"),
        ({"windows": 1}, "windows", "unknown sending rule 'windows'"),
        ({"zone": "moon"}, "zone", "zone is one of agency, client, contact, not 'moon'"),
        ({"zone": {}}, "zone", "zone is one of agency, client, contact, not {}"),
        (
            {"window": {"start": "9:00", "end": "20:00"}},
            "window.start",
            "window.start is a time such as 09:00, not '9:00'",
        ),
        ({"window": {"start": "09:00", "end": 20}}, "window.end", "window.end is a time such as 09:00, not 20"),
        ({"window": {"start": "09:00"}}, "window", "window has a start and an end"),
        ({"window": {"start": "09:00", "end": "09:00"}}, "window", "the window begins and ends at the same time"),
        ({"weekdays": []}, "weekdays", "at least one weekday is needed"),
        ({"weekdays": [0]}, "weekdays", "weekdays is a whole number from 1 to 7, not 0"),
        ({"weekdays": [True]}, "weekdays", "weekdays is a whole number from 1 to 7, not True"),
        ({"weekdays": "1"}, "weekdays", "weekdays is a list"),
        ({"holidays": ["BR-XX"]}, "holidays", "no holiday calendar 'BR-XX'"),
        ({"holidays": [["BR"]]}, "holidays", "no holiday calendar ['BR']"),
        ({"blackout": ["24/12/2026"]}, "blackout", "a blackout date is written 2026-12-24, not '24/12/2026'"),
        ({"blackout": ["2026-01-01"] * 1001}, "blackout", "blackout has 1001 entries; at most 1000 are allowed"),
        ({"cap": {"messages": 2}}, "cap", "a frequency cap has messages, days and a consequence"),
        ({"cap": {"messages": 0, "days": 7}}, "cap.messages", "cap.messages is a whole number from 1 to 1000, not 0"),
        ({"cap": {"messages": 1, "days": 91}}, "cap.days", "cap.days is a whole number from 1 to 90, not 91"),
        ({"consent": "maybe"}, "consent", "consent is one of required, not_withdrawn, not 'maybe'"),
    ],
)
def test_names_what_is_wrong(value: object, field: str, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        SendPolicy.from_json(value)  # type: ignore[arg-type]
    assert caught.value.field == field
    assert caught.value.text.startswith(text)
