"""Columns of many rows as PostgreSQL array literals: one string a column, for `unnest(%(ids)s::bigint[], %(codes)s::text[])`.

psycopg adapts a Python list element by element, half a microsecond or more each; a chunk of 200 rows in nine columns then costs more than
all that is decided about it. The type comes from the cast in the statement.
"""

from collections.abc import Iterable
from datetime import date


def numbers(values: Iterable[int | float | None]) -> str:
    """`{1,2,NULL}` from numbers, truth values and members of `IntegerChoices`."""
    return "{" + ",".join(["NULL" if value is None else _number(value) for value in values]) + "}"


def _number(value: int | float) -> str:
    if type(value) is int:
        return str(value)
    return repr(value) if isinstance(value, float) else str(int(value))


def texts(values: Iterable[str | None]) -> str:
    r"""`{"a","b \"c\"",NULL}` from texts."""
    return "{" + ",".join(["NULL" if value is None else _quoted(value) for value in values]) + "}"


def _quoted(value: str) -> str:
    if '"' in value or "\\" in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'


def times(values: Iterable[date | None]) -> str:
    """`{"2026-03-02T09:00:00+00:00",NULL}` from dates or instants."""
    return "{" + ",".join(["NULL" if value is None else f'"{value.isoformat()}"' for value in values]) + "}"
