"""What the page of a campaign shows, top to bottom: audience, message, when, by whom, forecast; and how its latest run goes."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from agency.admin.words import moment, money, number
from agency.models import AuditEntry
from campaigns.outreach.admin.live import live_context
from campaigns.outreach.admin.words import (
    ACTION_WORDS,
    TONES,
    limit_sentences,
    policy_sentences,
    schedule_sentence,
    segment_sentence,
)
from campaigns.outreach.models import Campaign, Execution
from campaigns.outreach.rules.segment import read_segment
from campaigns.outreach.selectors.executions import latest_execution
from campaigns.outreach.selectors.forecast import CampaignForecast, campaign_forecast
from campaigns.outreach.selectors.readiness import campaign_senders, start_problems, usable
from campaigns.outreach.states import AudienceMode, CampaignState
from messaging.models import Sender
from messaging.rules.policy import SendPolicy
from messaging.selectors.limits import limits_of

BARS = 48  # hours of the forecast's curve that are drawn one by one; a longer one is drawn by day
RUNS = 20


@dataclass(frozen=True, slots=True)
class Bar:
    """One column of a curve; `height` and `left` are percent of the drawing, `width` too."""

    label: str
    height: float
    top: float
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class SenderLine:
    """One sender as the page shows it."""

    name: str
    state: str
    works: bool
    pace: str


@dataclass(frozen=True, slots=True)
class TimelineLine:
    """Something that happened to the campaign."""

    at: dt.datetime
    actor: str
    what: str
    why: str


def campaign_context(
    campaign: Campaign, request: HttpRequest, links: Sequence[dict[str, Any]], *, editable: bool
) -> dict[str, Any]:
    """Everything the template needs. Before it runs the forecast is made; afterwards the latest run is shown."""
    now = timezone.now()
    before = campaign.state in (CampaignState.DRAFT, CampaignState.SCHEDULED)
    execution = latest_execution(campaign)
    problems = start_problems(campaign, now) if before else []
    context: dict[str, Any] = {
        "campaign": campaign,
        "tone": TONES[campaign.state],
        "problems": problems,
        "editable": editable,
        "edit_url": f"{reverse('admin:outreach_campaign_change', args=(campaign.pk,))}?edit=1",
        "audience_sentence": _audience_sentence(campaign),
        "policy": policy_sentences(SendPolicy.from_json(campaign.policy)),
        "schedule": schedule_sentence(campaign),
        "limits": limit_sentences(campaign),
        "senders": [_sender_line(sender, now.date()) for sender in campaign_senders(campaign)],
        "version": campaign.template.current,
        "timeline": _timeline(campaign),
        "execution": execution,
        **_actions(links, editable=editable, ready=not problems),
    }
    if before:
        context |= _forecast_context(campaign_forecast(campaign, now))
    if execution is not None and request.user.has_perm("outreach.view_execution"):
        context |= {"live_part": live_context(execution.pk), "runs": _runs(campaign)}
        context |= _run_links(execution, request)
    return context


def _actions(links: Sequence[dict[str, Any]], *, editable: bool, ready: bool) -> dict[str, Any]:
    """The one next action, and the others. What cannot start yet is mended first."""
    left = list(links)
    if editable and not ready:
        left = [link for link in left if not link["path"].endswith("/start/")]
        return {"primary": None, "secondary": left, "edit_is_primary": True}
    primary = next((link for link in left if str(link["variant"].value) == "primary"), None)
    return {"primary": primary, "secondary": [link for link in left if link is not primary], "edit_is_primary": False}


def _run_links(execution: Execution, request: HttpRequest) -> dict[str, Any]:
    arguments = (execution.pk,)
    return {
        "live_path": f"/live/executions/{execution.pk}/?language={request.LANGUAGE_CODE}",
        "people_url": reverse("admin:outreach_execution_people", args=arguments),
        "csv_url": reverse("admin:outreach_execution_csv", args=arguments)
        if request.user.has_perm("agency.view_personal_data")
        else "",
        "report_url": reverse("admin:outreach_execution_change", args=arguments),
    }


def _audience_sentence(campaign: Campaign) -> str:
    if campaign.segment is None:
        return _("Every contact with an address on this channel")
    said = segment_sentence(read_segment(campaign.segment.conditions))
    if campaign.audience_mode == AudienceMode.LIVE:
        said += ". " + _("Checked again before each message: who has left the segment by then is skipped")
    return said


def _sender_line(sender: Sender, today: dt.date) -> SenderLine:
    limits = limits_of(sender, today)
    spans = (
        (limits.per_second, _("%(number)s a second")),
        (limits.per_minute, _("%(number)s a minute")),
        (limits.per_hour, _("%(number)s an hour")),
        (limits.per_day, _("%(number)s in 24 hours")),
    )
    pace = [words % {"number": number(value)} for value, words in spans if value]
    return SenderLine(
        sender.name, sender.get_state_display(), usable(sender), ", ".join(pace) or _("no limit of its own")
    )


def _timeline(campaign: Campaign) -> list[TimelineLine]:
    entries = AuditEntry.objects.filter(subject_type="outreach.Campaign", subject_id=campaign.pk).order_by("-id")[:12]
    return [
        TimelineLine(
            entry.at,
            _("the system") if entry.actor.startswith("system:") or entry.actor == "outreach" else entry.actor,
            str(ACTION_WORDS.get(entry.action, entry.action)),
            entry.why,
        )
        for entry in entries
    ]


def _runs(campaign: Campaign) -> list[Execution]:
    return list(Execution.objects.filter(campaign=campaign).order_by("-number")[:RUNS])


def _forecast_context(found: CampaignForecast) -> dict[str, Any]:
    course = found.course
    people = number(found.audience.number)
    return {
        "forecast": found,
        "people": people if found.audience.exact else _("about %(number)s") % {"number": people},
        "cost": money(found.cost),
        "finish": moment(course.finish_at) if course.finish_at else "",
        "first": moment(course.first_at) if course.first_at else "",
        "days": number(course.days),
        "limit_days": _limit_days(found),
        "bars": _bars(course.curve),
    }


def _limit_days(found: CampaignForecast) -> str:
    if found.days_by_limit < 2:
        return ""
    return _("%(limit)s messages in 24 hours mean %(days)s days for this audience.") % {
        "limit": number(found.per_day),
        "days": number(found.days_by_limit),
    }


def _bars(curve: Sequence[tuple[dt.datetime, int]]) -> list[Bar]:
    """The curve as columns side by side: hours without messages keep their place, a long curve is drawn by day."""
    if not curve:
        return []
    span = dt.timedelta(hours=1)
    if (curve[-1][0] - curve[0][0]) / span >= BARS:
        span = dt.timedelta(days=1)
    columns: dict[dt.datetime, int] = {}
    for hour, count in curve:
        start = timezone.localtime(hour)
        if span.days:
            start = start.replace(hour=0)
        columns[start] = columns.get(start, 0) + count
    first, most = min(columns), max(columns.values())
    places = max(round((start - first) / span) for start in columns) + 1
    width = 100 / max(places, 12)
    words = "SHORT_DATE_FORMAT" if span.days else "SHORT_DATETIME_FORMAT"
    return [
        Bar(
            label=f"{date_format(start, words)}: {number(count)}",
            height=max(100 * count / most, 1.5),
            top=100 - max(100 * count / most, 1.5),
            left=round((start - first) / span) * width,
            width=width * 0.8,
        )
        for start, count in sorted(columns.items())
    ]
