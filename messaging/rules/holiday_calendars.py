"""Public holidays by calendar name: a country ("BR"), or a country and one of its parts ("BR-SP", "BR-São Paulo Capital").

Cities that have no calendar here are written down as the client's own dates.
"""

import datetime as dt
from functools import lru_cache

import holidays


@lru_cache(maxsize=1)
def _countries() -> dict[str, list[str]]:
    return holidays.list_supported_countries()


@lru_cache(maxsize=256)
def calendar_exists(name: str) -> bool:
    """True when `holidays_of` knows the calendar."""
    country, _, part = name.partition("-")
    return country in _countries() and (not part or part in _countries()[country])


@lru_cache(maxsize=1024)
def holidays_of(name: str, year: int) -> frozenset[dt.date]:
    """The public holidays of a calendar in one year, days moved by law included. Raises LookupError for an unknown calendar."""
    if not calendar_exists(name):
        raise LookupError(f"no holiday calendar {name!r}")
    country, _, part = name.partition("-")
    days = holidays.country_holidays(country, subdiv=part or None, years=year)
    return frozenset(day for day in days if day.year == year)
