"""Numbers, times and states as every page of the admin says them."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import ngettext


@dataclass(frozen=True, slots=True)
class Tone:
    """How a state looks: a colour by meaning (waiting, moving, done, look, broken) and an icon, so that colour never stands alone."""

    name: str
    icon: str


def number(value: int) -> str:
    """A whole number as the reader writes it."""
    return str(number_format(value, force_grouping=True))


def percent(part: int, whole: int) -> str:
    """ "97.1 %"; a dash where there is nothing to divide by."""
    if not whole:
        return "–"
    share = 100 * part / whole
    # Rounded first: Django cuts digits off.
    return f"{number_format(round(share, 1), 0 if share in (0, 100) else 1)} %"


def money(cost: Mapping[str, Decimal]) -> str:
    """Amounts per currency, "US$ 1,20 + R$ 3,00"; empty for nothing."""
    signs = {"BRL": "R$", "USD": "US$", "EUR": "€"}
    amounts = [
        f"{signs.get(currency, currency)} {number_format(amount, 2, force_grouping=True)}"
        for currency, amount in cost.items()
        if amount
    ]
    return " + ".join(amounts)


def moment(value: dt.datetime) -> str:
    """A time on the reader's clock, without the day when that is today."""
    local = timezone.localtime(value)
    if local.date() == timezone.localdate():
        return str(date_format(local, "TIME_FORMAT"))
    return str(date_format(local, "SHORT_DATETIME_FORMAT"))


def sentence(said: str) -> str:
    """With one full stop: a time such as “4 p.m.” brings its own."""
    return f"{said.rstrip('.')}."


def duration(seconds: float) -> str:
    """About how long, in the largest fitting unit."""
    if seconds < 90:
        return ngettext("%(number)s second", "%(number)s seconds", round(seconds)) % {"number": round(seconds)}
    if seconds < 5_400:
        minutes = round(seconds / 60)
        return ngettext("%(number)s minute", "%(number)s minutes", minutes) % {"number": minutes}
    if seconds < 172_800:
        hours = round(seconds / 3_600)
        return ngettext("%(number)s hour", "%(number)s hours", hours) % {"number": hours}
    days = round(seconds / 86_400)
    return ngettext("%(number)s day", "%(number)s days", days) % {"number": number(days)}
