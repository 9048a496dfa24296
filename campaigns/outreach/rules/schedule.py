"""When a scheduled campaign runs next."""

import datetime as dt

from agency.kit.slots import Daily, next_slot
from messaging.rules.zones import zone

ONCE, DAILY = "once", "daily"


def next_run(
    recurrence: str, starts_at: dt.datetime, ends_at: dt.datetime | None, zone_name: str, after: dt.datetime
) -> dt.datetime | None:
    """The first due time later than `after`: `starts_at` itself, or daily at its time of day on the clock of `zone_name`; None when over."""
    if recurrence == ONCE:
        return starts_at if starts_at > after else None
    place = zone(zone_name)
    rule = Daily((starts_at.astimezone(place).time().replace(tzinfo=None),))
    due = next_slot(rule, place, max(after, starts_at - dt.timedelta(microseconds=1)))
    return due if due is not None and (ends_at is None or due <= ends_at) else None


def latest_run(
    recurrence: str, due: dt.datetime, ends_at: dt.datetime | None, zone_name: str, now: dt.datetime
) -> dt.datetime:
    """The last due time not after `now`, given that `due` is one: runs missed while nothing could start them are not made up."""
    latest = due
    while (
        recurrence == DAILY
        and (following := next_run(recurrence, due, ends_at, zone_name, latest))
        and following <= now
    ):
        latest = following
    return latest
