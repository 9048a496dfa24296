"""Rules and times in words, in the reader's language."""

from datetime import timedelta

from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from agency.kit.slots import LAST_DAY, Cron, Monthly, Once, QuarterEnd, Recurrence, Rule
from agency.kit.slots.cron import WEEKDAY, cron_field

_EVERY_DAY = ("*", "*", "*")


def rule_in_words(rule: Rule) -> str:
    """Say a rule as a person would; one that has no short sentence is shown as it is written."""
    if isinstance(rule, Cron):
        return _cron(rule)
    if isinstance(rule, Once):
        return _("once, on %(when)s") % {"when": f"{rule.at:%Y-%m-%d %H:%M}"}
    if isinstance(rule, QuarterEnd):
        return _("on the last day of each quarter at %(times)s") % {"times": _times(rule)}
    if isinstance(rule, Monthly) and rule.day == LAST_DAY:
        return _("on the last day of each month at %(times)s") % {"times": _times(rule)}
    if isinstance(rule, Monthly):
        return _("on day %(day)s of each month at %(times)s") % {"day": rule.day, "times": _times(rule)}
    return rule.lines if isinstance(rule, Recurrence) else str(rule)


def interval_in_words(interval: timedelta) -> str:
    """Say how often a tick comes."""
    seconds = int(interval.total_seconds())
    return ngettext("every second", "every %(seconds)s seconds", seconds) % {"seconds": seconds}


def lateness(drift: timedelta | None) -> str:
    """Say how late a slot was published, in seconds with one decimal."""
    return "-" if drift is None else _("%(seconds).1f s") % {"seconds": drift.total_seconds()}


def _cron(rule: Cron) -> str:
    days = (rule.day_of_month, rule.month, rule.day_of_week)
    if rule.hour == "*" and rule.minute.startswith("*/") and days == _EVERY_DAY:
        return _("every %(minutes)s minutes") % {"minutes": rule.minute[2:]}
    if rule.hour == "*" and rule.minute.isdecimal() and days == _EVERY_DAY:
        return _("every hour at minute %(minute)s") % {"minute": rule.minute}
    if not rule.minute.isdecimal() or not rule.hour.replace(",", "").isdecimal():
        return str(rule)
    times = ", ".join(f"{int(hour):02}:{int(rule.minute):02}" for hour in rule.hour.split(","))
    if days == _EVERY_DAY:
        return _("every day at %(times)s") % {"times": times}
    if days[:2] == ("*", "*"):
        # Cron counts weekdays from Sunday, Django's names from Monday.
        names = ", ".join(str(WEEKDAYS_ABBR[(day - 1) % 7]) for day in sorted(cron_field(rule.day_of_week, WEEKDAY)))
        return _("on %(days)s at %(times)s") % {"days": names, "times": times}
    if days[0].isdecimal() and days[1:] == ("*", "*"):
        return _("on day %(day)s of each month at %(times)s") % {"day": days[0], "times": times}
    return str(rule)


def _times(rule: QuarterEnd | Monthly) -> str:
    return ", ".join(moment.strftime("%H:%M") for moment in rule.at)
