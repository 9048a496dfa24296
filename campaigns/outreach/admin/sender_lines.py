"""The senders of a campaign as its page shows them: whether they work, their limits, and what is left of them now."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from agency.admin.words import duration, number
from campaigns.outreach.selectors.readiness import usable
from messaging.limits.limiter import LimiterUnavailable, SenderLimits, Standing, standing
from messaging.models import Sender
from messaging.selectors.limits import limits_of


@dataclass(frozen=True, slots=True)
class SenderLine:
    """One sender."""

    pk: int
    name: str
    state: str
    why: str
    works: bool
    pace: str
    left: str


def sender_lines(senders: Sequence[Sender], today: dt.date) -> list[SenderLine]:
    """All of them, with what the limiter says in one round trip."""
    limits = {sender.pk: limits_of(sender, today) for sender in senders}
    try:
        known = standing([(limits[sender.pk], sender.portfolio) for sender in senders])
    except LimiterUnavailable:
        known = {}
    return [
        SenderLine(
            pk=sender.pk,
            name=sender.name,
            state=sender.get_state_display() if sender.connection.enabled else _("connection switched off"),
            why=sender.state_why,
            works=usable(sender),
            pace=_pace(limits[sender.pk]),
            left=_left(sender, limits[sender.pk], known.get(sender.pk)),
        )
        for sender in senders
    ]


def _pace(limits: SenderLimits) -> str:
    spans = (
        (limits.per_second, _("%(number)s a second")),
        (limits.per_minute, _("%(number)s a minute")),
        (limits.per_hour, _("%(number)s an hour")),
        (limits.per_day, _("%(number)s in 24 hours")),
    )
    said = [words % {"number": number(value)} for value, words in spans if value]
    return ", ".join(said) or _("no limit of its own")


def _left(sender: Sender, limits: SenderLimits, now: Standing | None) -> str:
    """What it may still send, by its tightest spans; empty where only its pace limits it."""
    if now is None:
        return _("not known at the moment")
    if now.rests > 0:
        return _("rests for %(time)s after failed calls") % {"time": duration(now.rests)}
    said = []
    if now.hour_free is not None:
        said.append(
            _("%(left)s of %(limit)s this hour") % {"left": number(now.hour_free), "limit": number(limits.per_hour)}
        )
    if now.day_free is not None:
        said.append(
            _("%(left)s of %(limit)s in 24 hours") % {"left": number(now.day_free), "limit": number(limits.per_day)}
        )
    if sender.portfolio and sender.portfolio_per_day:
        free = max(0, sender.portfolio_per_day - now.portfolio_people)
        said.append(
            _("%(left)s of %(limit)s new people in 24 hours")
            % {"left": number(free), "limit": number(sender.portfolio_per_day)}
        )
    if now.trial:
        said.append(_("tried with a few people first"))
    return ", ".join(said) or _("as fast as its pace")
