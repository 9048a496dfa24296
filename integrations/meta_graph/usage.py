"""How much of its quota Meta says is used: it never sends Retry-After, only percentages, and how long a block lasts.

`X-Business-Use-Case-Usage` counts the wait in minutes, `X-Ad-Account-Usage` in seconds; `X-App-Usage` has none.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

_PERCENTAGES = ("call_count", "total_cputime", "total_time", "acc_id_util_pct", "app_id_util_pct")
_PLAIN = ("x-ad-account-usage", "x-app-usage", "x-fb-ads-insights-throttle")
FULL = 100.0  # percent


@dataclass(frozen=True, slots=True)
class Usage:
    """The highest percentage that an answer names, and the seconds until calls are taken again (0: they are)."""

    percent: float = 0.0
    wait: float = 0.0


def usage_of(headers: Mapping[str, str]) -> Usage:
    """What the headers of one answer say; a header that cannot be read says nothing. Names are in any case."""
    known = {name.lower(): value for name, value in headers.items()}
    percent = wait = 0.0
    for entry in _entries(known):
        here = max((_number(entry.get(name)) for name in _PERCENTAGES), default=0.0)
        percent = max(percent, here)
        wait = max(wait, _number(entry.get("estimated_time_to_regain_access")) * 60)
        if here >= FULL:
            wait = max(wait, _number(entry.get("reset_time_duration")))
    return Usage(percent, wait)


def _entries(headers: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    by_case = _object(headers.get("x-business-use-case-usage", ""))
    for entries in by_case.values():
        if isinstance(entries, list):
            yield from (entry for entry in entries if isinstance(entry, dict))
    for name in _PLAIN:
        yield _object(headers.get(name, ""))


def _object(written: str) -> Mapping[str, Any]:
    try:
        found = orjson.loads(written) if written else {}
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else 0.0
