"""Messages over time as columns side by side, for a drawing of 100 by 100."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from agency.admin.words import number

MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)
MOST_HOURS = 72  # more are drawn by day
FEWEST = 12  # places a drawing has at least, so that a single column is not a wall


@dataclass(frozen=True, slots=True)
class Bar:
    """One column; places and sizes are percent of the drawing."""

    label: str
    height: float
    top: float
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class Bars:
    """A whole drawing: its columns, what one of them is, the highest, and the moments where it begins and ends."""

    columns: tuple[Bar, ...]
    unit: str
    most: str
    first: str
    last: str


def bars_of(points: Sequence[tuple[dt.datetime, int]], step: dt.timedelta) -> Bars | None:
    """Steps without messages keep their place. None where there is nothing to draw."""
    if not points:
        return None
    span = step
    if step == HOUR and (points[-1][0] - points[0][0]) / HOUR >= MOST_HOURS:
        span = DAY
    counts: dict[dt.datetime, int] = {}
    for at, count in points:
        start = timezone.localtime(at)
        if span == DAY:
            start = start.replace(hour=0, minute=0)
        counts[start] = counts.get(start, 0) + count
    first, last, most = min(counts), max(counts), max(counts.values())
    places = max(round((last - first) / span) + 1, FEWEST)
    width = 100 / places
    filled = round((last - first) / span) + 1 == places
    ends = (_moment(first, span), _moment(last, span) if last > first else "")
    return Bars(
        columns=tuple(
            Bar(
                label=f"{_moment(start, span)}: {number(count)}",
                height=round(max(100 * count / most, 1.5), 2),
                top=round(100 - max(100 * count / most, 1.5), 2),
                left=round(round((start - first) / span) * width, 3),
                width=round(width * 0.84, 3),
            )
            for start, count in sorted(counts.items())
        ),
        unit={MINUTE: _("by minute"), HOUR: _("by hour"), DAY: _("by day")}[span],
        most=number(most),
        first=ends[0] if filled or not ends[1] else f"{ends[0]} – {ends[1]}",
        last=ends[1] if filled else "",
    )


def _moment(start: dt.datetime, span: dt.timedelta) -> str:
    if span == DAY:
        return str(date_format(start, "SHORT_DATE_FORMAT"))
    if start.date() == timezone.localdate():
        return str(date_format(start, "TIME_FORMAT"))
    return str(date_format(start, "SHORT_DATETIME_FORMAT"))
