"""The rules of one job as values, and their JSON."""

import datetime as dt
import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from agency.kit.errors import InvalidInput
from messaging.rules.holiday_calendars import calendar_exists
from messaging.rules.windows import EVERY_DAY, OpenHours
from messaging.rules.zones import first_zone

MAX_BLACKOUT_DATES = 1_000
MAX_CALENDARS = 10
MAX_CAP_DAYS = 90
MAX_CAP_MESSAGES = 1_000
KEYS = ("zone", "window", "weekdays", "holidays", "blackout", "cap", "consent")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


class ZonePolicy(enum.StrEnum):
    """Whose clock the window is read on."""

    AGENCY = "agency"
    CLIENT = "client"
    CONTACT = "contact"


class CapConsequence(enum.StrEnum):
    """What becomes of a message to somebody who has had enough."""

    DEFER = "defer"
    SKIP = "skip"


class ConsentRule(enum.StrEnum):
    """What a person must have said before being written to."""

    REQUIRED = "required"
    """Only those who have agreed."""
    NOT_WITHDRAWN = "not_withdrawn"
    """Everybody who has not withdrawn."""


@dataclass(frozen=True, slots=True)
class FrequencyCap:
    """At most `messages` to one person within any `days` × 24 hours, whatever campaign they come from."""

    messages: int
    days: int
    consequence: CapConsequence = CapConsequence.DEFER


@dataclass(frozen=True, slots=True)
class SendPolicy:
    """The rules of one job. The empty policy allows everything at any time to everybody who has not withdrawn consent.

    JSON, every part optional: {"zone": "client", "window": {"start": "09:00", "end": "20:00"}, "weekdays": [1, 2, 3, 4, 5],
    "holidays": ["BR-SP"], "blackout": ["2026-12-24"], "cap": {"messages": 2, "days": 7, "consequence": "defer"}, "consent": "required"}.
    Weekdays are ISO numbers, Monday 1; a window whose end is before its start goes on past midnight.
    """

    zone: ZonePolicy = ZonePolicy.CLIENT
    hours: OpenHours = field(default_factory=OpenHours)
    cap: FrequencyCap | None = None
    consent: ConsentRule = ConsentRule.NOT_WITHDRAWN

    @property
    def always_open(self) -> bool:
        """True when the clock never matters, so nobody's zone has to be looked up."""
        return self.hours.always

    @property
    def per_contact_zone(self) -> bool:
        """True when each contact's own zone decides, so the job's opening has to be asked per zone."""
        return self.zone is ZonePolicy.CONTACT and not self.hours.always

    def zone_name(self, *, agency: str, client: str, contact: str = "") -> str:
        """The IANA zone that decides for one contact; one that is empty or unknown gives way to the client's, then the agency's."""
        if self.zone is ZonePolicy.AGENCY:
            return first_zone(agency)
        if self.zone is ZonePolicy.CLIENT:
            return first_zone(client, agency)
        return first_zone(contact, client, agency)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "SendPolicy":
        """Read a policy as stored or typed; raises `InvalidInput` whose `field` names the part to mend."""
        if not isinstance(value, Mapping):
            raise _wrong("policy", "the sending rules are an object")
        for key in value:
            if key not in KEYS:
                raise _wrong(str(key), f"unknown sending rule {key!r}; known are {', '.join(KEYS)}")
        start, end = _window(value.get("window"))
        return cls(
            zone=_choice(ZonePolicy, value.get("zone", ZonePolicy.CLIENT), "zone"),
            hours=OpenHours(
                start=start,
                end=end,
                weekdays=_weekdays(value.get("weekdays")),
                holidays=_calendars(value.get("holidays")),
                blackout=_dates(value.get("blackout")),
            ),
            cap=_cap(value.get("cap")),
            consent=_choice(ConsentRule, value.get("consent", ConsentRule.NOT_WITHDRAWN), "consent"),
        )

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads back to an equal policy; parts that say nothing are left out."""
        hours = self.hours
        value: dict[str, Any] = {"zone": self.zone.value, "consent": self.consent.value}
        if hours.start != hours.end:
            value["window"] = {"start": f"{hours.start:%H:%M}", "end": f"{hours.end:%H:%M}"}
        if hours.weekdays != EVERY_DAY:
            value["weekdays"] = sorted(hours.weekdays)
        if hours.holidays:
            value["holidays"] = list(hours.holidays)
        if hours.blackout:
            value["blackout"] = [day.isoformat() for day in sorted(hours.blackout)]
        if self.cap:
            value["cap"] = {
                "messages": self.cap.messages,
                "days": self.cap.days,
                "consequence": self.cap.consequence.value,
            }
        return value


Choice = TypeVar("Choice", bound=enum.StrEnum)


def _wrong(part: str, text: str) -> InvalidInput:
    return InvalidInput("invalid_policy", text, field=part)


def _choice(kind: type[Choice], value: object, part: str) -> Choice:
    try:
        return kind(str(value))
    except ValueError:
        raise _wrong(part, f"{part} is one of {', '.join(kind)}, not {value!r}") from None


def _list(value: object, part: str, most: int) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _wrong(part, f"{part} is a list")
    if len(value) > most:
        raise _wrong(part, f"{part} has {len(value)} entries; at most {most} are allowed")
    return value


def _whole(value: object, part: str, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise _wrong(part, f"{part} is a whole number from 1 to {most}, not {value!r}")
    return value


def _time(value: object, part: str) -> dt.time:
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise _wrong(part, f"{part} is a time such as 09:00, not {value!r}")
    return dt.time(int(found[1]), int(found[2]))


def _window(value: object) -> tuple[dt.time, dt.time]:
    if value is None:
        return dt.time(0), dt.time(0)
    if not isinstance(value, Mapping) or set(value) != {"start", "end"}:
        raise _wrong("window", "window has a start and an end, such as 09:00 and 20:00")
    start, end = _time(value["start"], "window.start"), _time(value["end"], "window.end")
    if start == end:
        raise _wrong("window", "the window begins and ends at the same time; leave it out for the whole day")
    return start, end


def _weekdays(value: object) -> frozenset[int]:
    if value is None:
        return EVERY_DAY
    days = frozenset(_whole(day, "weekdays", 7) for day in _list(value, "weekdays", 7))
    if not days:
        raise _wrong("weekdays", "at least one weekday is needed")
    return days


def _calendars(value: object) -> tuple[str, ...]:
    names = _list(value, "holidays", MAX_CALENDARS)
    for name in names:
        if not isinstance(name, str) or not calendar_exists(name):
            raise _wrong(
                "holidays", f"no holiday calendar {name!r}; write a country such as BR, or BR-SP for one of its states"
            )
    return tuple(dict.fromkeys(names))


def _dates(value: object) -> frozenset[dt.date]:
    days = set()
    for text in _list(value, "blackout", MAX_BLACKOUT_DATES):
        try:
            days.add(dt.date.fromisoformat(text))
        except (TypeError, ValueError):
            raise _wrong("blackout", f"a blackout date is written 2026-12-24, not {text!r}") from None
    return frozenset(days)


def _cap(value: object) -> FrequencyCap | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or not {"messages", "days"} <= set(value) <= {"messages", "days", "consequence"}:
        raise _wrong("cap", "a frequency cap has messages, days and a consequence")
    return FrequencyCap(
        messages=_whole(value["messages"], "cap.messages", MAX_CAP_MESSAGES),
        days=_whole(value["days"], "cap.days", MAX_CAP_DAYS),
        consequence=_choice(CapConsequence, value.get("consequence", CapConsequence.DEFER), "cap.consequence"),
    )
