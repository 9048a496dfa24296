"""What the page of a sender shows: what it may send now, span by span; its warm-up; its mail domain; who uses it."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from agency.admin.words import Tone, duration, number
from messaging.admin.words import CHECK_TONES, CHECK_WORDS, SENDER_TONES
from messaging.limits.limiter import LimiterUnavailable
from messaging.models import Sender, SendJob
from messaging.selectors.standing import Allowance, allowances_now
from messaging.states import ChannelKind, JobState, MailCheck, MailCheckState

JOBS = 10


@dataclass(frozen=True, slots=True)
class SpanLine:
    """One span: what was used of which limit, and what is free. `share` is percent of the limit that is used, None without a limit."""

    label: str
    used: str
    limit: str
    free: str
    share: float | None
    tone: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class CheckLine:
    """SPF, DKIM or DMARC in words."""

    label: str
    state: str
    tone: Tone
    words: str
    name: str
    record: str
    checked_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step of a warm-up."""

    first_day: dt.date
    per_day: str
    present: bool


def sender_context(sender: Sender, request: HttpRequest) -> dict[str, Any]:
    """Everything the template needs beside the buttons."""
    today = timezone.now().date()
    try:
        allowance: Allowance | None = allowances_now([sender], today)[sender.pk]
    except LimiterUnavailable:
        allowance = None
    jobs = SendJob.objects.filter(
        state__in=(JobState.PREPARING, JobState.RUNNING, JobState.PAUSED), sender_ids__contains=[sender.pk]
    )
    return {
        "under": " · ".join(
            str(part) for part in (sender.client, sender.get_channel_display(), sender.connection.name, sender.address)
        ),
        "tone": SENDER_TONES[sender.state],
        "allowance": allowance,
        "headline": _headline(allowance) if allowance else "",
        "spans": span_lines(allowance) if allowance else [],
        "rests": _rests(allowance) if allowance else "",
        "steps": _steps(sender, today),
        "mail": sender.channel == ChannelKind.EMAIL,
        "checks": _checks(sender) if sender.channel == ChannelKind.EMAIL else [],
        "pools": list(sender.pools.order_by("name")),
        "jobs": list(jobs.order_by("-pk")[:JOBS]) if request.user.has_perm("messaging.view_sendjob") else [],
    }


def now_sentence(allowance: Allowance) -> str:
    """What the engine would grant it now, in a few words."""
    if not allowance.sends:
        return _("nothing: it does not send")
    if allowance.now is None:
        return _("as fast as it goes")
    if allowance.now == 0:
        return _("nothing now")
    return _("%(number)s in 5 seconds") % {"number": number(allowance.now)}


def _headline(allowance: Allowance) -> str:
    if allowance.sends and allowance.now:
        words = ngettext("%(number)s message in 5 seconds", "%(number)s messages in 5 seconds", allowance.now)
        return words % {"number": number(allowance.now)}
    return now_sentence(allowance)


def day_sentence(allowance: Allowance) -> str:
    """What it has sent in 24 hours, of how many."""
    used = number(allowance.standing.day_used)
    if not allowance.limits.per_day:
        return used
    return _("%(used)s of %(limit)s") % {"used": used, "limit": number(allowance.limits.per_day)}


def span_lines(allowance: Allowance) -> list[SpanLine]:
    """One line for each span."""
    limits, standing, sender = allowance.limits, allowance.standing, allowance.sender
    lines = [
        _paced(_("in one second"), limits.per_second, standing.second_free),
        _paced(_("in one minute"), limits.per_minute, standing.minute_free),
        _counted(_("in 60 minutes"), limits.per_hour, standing.hour_used, standing.hour_free),
    ]
    note = ""
    if allowance.warm_up and allowance.warm_up == limits.per_day:
        note = _("today's step of the warm-up")
    lines.append(_counted(_("in 24 hours"), limits.per_day, standing.day_used, standing.day_free, note))
    if sender.portfolio:
        note = _("portfolio “%(name)s”, shared") % {"name": sender.portfolio}
        lines.append(
            _counted(
                _("different people in 24 hours"),
                sender.portfolio_per_day or 0,
                standing.portfolio_people,
                allowance.portfolio_free,
                note,
            )
        )
    return lines


def _paced(label: str, limit: int, free: int | None) -> SpanLine:
    if free is None:
        return SpanLine(label, "–", _("no limit"), _("as fast as it goes"), None, "done")
    return _line(label, limit, limit - free, free, "")


def _counted(label: str, limit: int, used: int, free: int | None, note: str = "") -> SpanLine:
    if free is None:
        return SpanLine(label, number(used), _("no limit"), _("as fast as it goes"), None, "done", note)
    return _line(label, limit, used, free, note)


def _line(label: str, limit: int, used: int, free: int, note: str) -> SpanLine:
    share = min(100.0, 100 * used / limit) if limit else 100.0
    tone = "look" if free == 0 else "moving"
    return SpanLine(label, number(used), number(limit), number(free), share, tone, note)


def _rests(allowance: Allowance) -> str:
    if allowance.standing.rests > 0:
        return _("It rests for another %(time)s: its provider asked for it, or its last calls failed.") % {
            "time": duration(allowance.standing.rests)
        }
    if allowance.standing.trial:
        return _("Its last calls failed; it is being tried with a few people at a time.")
    return ""


def _steps(sender: Sender, today: dt.date) -> list[StepLine]:
    begun = sender.warm_up_from
    if begun is None:
        return []
    steps = sorted((int(day), int(count)) for day, count in sender.warm_up)
    day_now = (today - begun).days + 1
    reached = [day for day, _count in steps if day <= day_now]
    over = bool(steps) and day_now > steps[-1][0]
    return [
        StepLine(begun + dt.timedelta(days=day - 1), number(count), not over and bool(reached) and day == reached[-1])
        for day, count in steps
    ]


def _checks(sender: Sender) -> list[CheckLine]:
    lines = []
    for check in MailCheck:
        found = sender.mail_checks.get(check.value) or {}
        known = found.get("state") in MailCheckState.values
        state = MailCheckState(found["state"]) if known else MailCheckState.UNKNOWN
        words = CHECK_WORDS.get(found.get("code", ""), _("Not checked yet."))
        lines.append(
            CheckLine(
                label=str(check.label),
                state=str(state.label),
                tone=CHECK_TONES[state],
                words=str(words),
                name=found.get("name", ""),
                record=found.get("record", ""),
                checked_at=parse_datetime(found.get("checked_at", "")) if found.get("checked_at") else None,
            )
        )
    return lines
