"""Numbers and times as the reader writes them, for every page of the admin."""

import datetime as dt

from django.utils import timezone
from django.utils.formats import date_format, number_format


def number(value: int) -> str:
    """A whole number, "12.410" in Portuguese."""
    return str(number_format(value, force_grouping=True))


def percent(part: int, whole: int) -> str:
    """ "97.1 %"; a dash where there is nothing to divide by."""
    if not whole:
        return "–"
    share = 100 * part / whole
    return f"{number_format(share, 0 if share in (0, 100) else 1)} %"


def moment(value: dt.datetime) -> str:
    """A time on the reader's clock, without the day when that is today."""
    local = timezone.localtime(value)
    words = "TIME_FORMAT" if local.date() == timezone.localdate() else "SHORT_DATETIME_FORMAT"
    return str(date_format(local, words))
