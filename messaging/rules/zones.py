"""Time zones by name, looked up once."""

from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """Every IANA zone name this machine knows."""
    return frozenset(available_timezones())


@lru_cache(maxsize=1024)
def zone_exists(name: str) -> bool:
    """True for an IANA name such as "America/Sao_Paulo"."""
    return name in zone_names()


def first_zone(*names: str) -> str:
    """The first of these names that is a zone; "UTC" when none is. Imported contacts may carry anything."""
    for name in names:
        if name and zone_exists(name):
            return name
    return "UTC"


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The zone of an IANA name; raises `zoneinfo.ZoneInfoNotFoundError` for anything else."""
    return ZoneInfo(name)
