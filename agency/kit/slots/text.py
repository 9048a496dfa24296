"""Rules as text: what a declaration and a person write, and the crontab that says the same where one can."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time

from agency.kit.slots.rules import (
    LAST_DAY,
    WEEKDAYS,
    Cron,
    Daily,
    Monthly,
    Once,
    QuarterEnd,
    Recurrence,
    Rule,
    RuleError,
    Weekly,
)

RULE_FORMS = (
    "once 2026-12-24T10:00 | daily 10:00 | weekly mon,thu 09:30 | monthly 5 08:00 | monthly last 08:00 | "
    "quarter-end 18:00 | cron 0 9 * * 1-5 | rrule DTSTART:20260105T090000 RRULE:FREQ=MONTHLY;BYDAY=1MO"
)


def parse_rule(text: str) -> Rule:
    """Read a rule in one of `RULE_FORMS`; raise RuleError with a sentence that a person can act on."""
    kind, _, rest = " ".join(text.split()).partition(" ")
    parse = _PARSERS.get(kind.lower())
    if parse is None:
        raise RuleError(f"unknown rule “{kind}”; write one of: {RULE_FORMS}")
    if not rest:
        raise RuleError(f"“{kind}” needs more; write one of: {RULE_FORMS}")
    return parse(rest)


def as_cron(rule: Rule) -> Cron | None:
    """Return the crontab that names exactly the same local times, or None where a crontab cannot."""
    if isinstance(rule, Cron):
        return rule
    if isinstance(rule, Once | QuarterEnd | Recurrence):
        return None
    if len({moment.minute for moment in rule.at}) > 1:
        return None
    minute, hour = str(rule.at[0].minute), ",".join(str(moment.hour) for moment in rule.at)
    if isinstance(rule, Daily):
        return Cron(minute, hour, "*", "*", "*")
    if isinstance(rule, Weekly):
        return Cron(minute, hour, "*", "*", ",".join(str((day + 1) % 7) for day in sorted(rule.weekdays)))
    if 1 <= rule.day <= 28:
        return Cron(minute, hour, str(rule.day), "*", "*")
    return None


def normal_rule_text(text: str) -> str:
    """Return the one spelling of a rule that the database keeps: the crontab where there is one."""
    rule = parse_rule(text)
    return str(as_cron(rule) or rule)


def _parse_once(rest: str) -> Rule:
    try:
        at = datetime.fromisoformat(rest)
    except ValueError as error:
        raise RuleError("write the single time as once 2026-12-24T10:00") from error
    return Once(at)


def _parse_daily(rest: str) -> Rule:
    return Daily(_times(rest))


def _parse_weekly(rest: str) -> Rule:
    names, _, times = rest.partition(" ")
    try:
        weekdays = frozenset(WEEKDAYS.index(name) for name in names.lower().split(","))
    except ValueError as error:
        raise RuleError(f"write weekdays as {','.join(WEEKDAYS)}, then the time: weekly mon,thu 09:30") from error
    return Weekly(weekdays, _times(times))


def _parse_monthly(rest: str) -> Rule:
    name, _, times = rest.partition(" ")
    if name.lower() == "last":
        return Monthly(LAST_DAY, _times(times))
    if not name.isdecimal() or not 1 <= int(name) <= 31:
        raise RuleError("write the day of the month as 1 to 31 or last, then the time: monthly 5 08:00")
    return Monthly(int(name), _times(times))


def _parse_quarter_end(rest: str) -> Rule:
    return QuarterEnd(_times(rest))


def _parse_cron(rest: str) -> Rule:
    fields = rest.split(" ")
    if len(fields) != 5:
        raise RuleError("a cron rule has five fields: minute, hour, day of month, month, day of week (Sunday is 0)")
    return Cron(*fields)


def _parse_recurrence(rest: str) -> Rule:
    return Recurrence(rest.replace(" ", "\n"))


def _times(text: str) -> tuple[time, ...]:
    try:
        times = sorted({datetime.strptime(part, "%H:%M").time() for part in text.split(",")})
    except ValueError as error:
        raise RuleError(f"write the time as 10:00, or several as 10:00,16:30, not “{text}”") from error
    return tuple(times)


_PARSERS: dict[str, Callable[[str], Rule]] = {
    "once": _parse_once,
    "daily": _parse_daily,
    "weekly": _parse_weekly,
    "monthly": _parse_monthly,
    "quarter-end": _parse_quarter_end,
    "cron": _parse_cron,
    "rrule": _parse_recurrence,
}
