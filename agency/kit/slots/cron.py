"""Cron fields, read as Celery reads them, without Celery: rules stay pure and import nothing."""

from __future__ import annotations

import re
from functools import lru_cache

_WEEKDAYS = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_PART = re.compile(r"(?:(?P<star>\*)|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d+))?", re.ASCII)

MINUTE, HOUR, DAY, MONTH, WEEKDAY = (0, 59), (0, 23), (1, 31), (1, 12), (0, 6)
"""Least and greatest value of each field; a weekday counts from Sunday, 0."""


@lru_cache(maxsize=2048)
def cron_field(text: str, bounds: tuple[int, int]) -> frozenset[int]:
    """Read one field: `*`, `*/15`, `5`, `1-5`, `8-18/2`, `fri-mon`, and lists of them.

    A range whose end is before its start goes round. Raises ValueError with what is wrong.
    """
    values: set[int] = set()
    for part in text.split(","):
        found = _PART.fullmatch(part)
        if found is None:
            raise ValueError(f"“{part}” is not a cron field")
        step = int(found["step"] or 1)
        if step == 0 or (found["step"] and not (found["star"] or found["last"])):
            raise ValueError(f"“{part}” has a step without a range")
        values.update(_span(found, bounds)[::step])
    return frozenset(values)


def _span(found: re.Match[str], bounds: tuple[int, int]) -> list[int]:
    least, greatest = bounds
    if found["star"]:
        return list(range(least, greatest + 1))
    first = _number(found["first"], bounds)
    last = _number(found["last"], bounds) if found["last"] else first
    if last < first:
        return [*range(first, greatest + 1), *range(least, last + 1)]
    return list(range(first, last + 1))


def _number(text: str, bounds: tuple[int, int]) -> int:
    names = {WEEKDAY: _WEEKDAYS, MONTH: _MONTHS}.get(bounds, {})
    value = int(text) if text.isdecimal() else names.get(text[:3].lower())
    if value is None or not bounds[0] <= value <= bounds[1]:
        raise ValueError(f"“{text}” is not between {bounds[0]} and {bounds[1]}")
    return value
