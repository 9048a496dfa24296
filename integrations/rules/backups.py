"""Which backups are kept."""

from collections.abc import Iterable
from datetime import datetime

DAILY, MONTHLY = 30, 12
STAMP = "%Y%m%dT%H%M%SZ"


def stamp_of(moment: datetime) -> str:
    """The name of a backup begun at this moment (UTC), such as 20261121T031500Z: names sort by time."""
    return moment.strftime(STAMP)


def kept(stamps: Iterable[str]) -> set[str]:
    """The newest of each of the last thirty days that have one, and the first of each of the last twelve months that have one."""
    ordered = sorted(stamps)
    days = {stamp[:8]: stamp for stamp in ordered}
    months = {stamp[:6]: stamp for stamp in reversed(ordered)}
    return {days[day] for day in sorted(days)[-DAILY:]} | {months[month] for month in sorted(months)[-MONTHLY:]}
