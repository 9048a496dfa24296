"""What the page of a campaign shows, top to bottom: audience, message, when, by whom, forecast; and how its latest run goes."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.contrib.admin import site
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from agency.admin.asked import key_in
from agency.admin.base import PERSONAL
from agency.admin.timeline import TimelineLine, timeline
from agency.admin.words import duration, moment, money, number
from agency.rules.masking import masked
from campaigns.outreach.admin.bars import HOUR, bars_of
from campaigns.outreach.admin.history import history_words
from campaigns.outreach.admin.live import TEMPLATE, live_context
from campaigns.outreach.admin.sender_lines import sender_lines
from campaigns.outreach.admin.words import (
    TONES,
    limit_sentences,
    policy_sentences,
    schedule_sentence,
    segment_sentence,
)
from campaigns.outreach.models import Campaign, Execution
from campaigns.outreach.rules.forecast import Forecast
from campaigns.outreach.rules.segment import read_segment
from campaigns.outreach.selectors.executions import latest_execution
from campaigns.outreach.selectors.forecast import CampaignForecast, campaign_forecast
from campaigns.outreach.selectors.preview import campaign_preview
from campaigns.outreach.selectors.readiness import campaign_senders, start_problems
from campaigns.outreach.selectors.timeline import campaign_history
from campaigns.outreach.states import AudienceMode, CampaignState
from messaging.models import Sender
from messaging.rules.policy import SendPolicy

RUNS = 20


def campaign_context(campaign: Campaign, request: HttpRequest) -> dict[str, Any]:
    """Everything the template needs. Before it runs the forecast is made; afterwards the latest run is shown."""
    now = timezone.now()
    before = campaign.state in (CampaignState.DRAFT, CampaignState.SCHEDULED)
    execution = latest_execution(campaign)
    problems = start_problems(campaign, now) if before else []
    senders = campaign_senders(campaign)
    context: dict[str, Any] = {
        "campaign": campaign,
        "tone": TONES[campaign.state],
        "under": " · ".join(
            str(part) for part in (campaign.client, campaign.get_kind_display(), campaign.get_channel_display())
        ),
        "problems": problems,
        "audience_sentence": _audience_sentence(campaign),
        "policy": policy_sentences(SendPolicy.from_json(campaign.policy)),
        "schedule": schedule_sentence(campaign),
        "limits": limit_sentences(campaign),
        "senders": sender_lines(senders, now.date()),
        "version": campaign.template.current,
        **_preview_context(campaign, request, now),
        "see_senders": site.is_registered(Sender) and request.user.has_perm("messaging.view_sender"),
        "timeline": _timeline(campaign, senders),
        "execution": execution,
    }
    if before:
        context |= _forecast_context(campaign_forecast(campaign, now))
    if execution is not None and request.user.has_perm("outreach.view_execution"):
        context |= {"live_part": live_context(execution.pk), "runs": _runs(campaign)}
        context["live_html"] = render_to_string(TEMPLATE, context["live_part"])
        context |= _run_links(execution, request)
    if execution is not None and not before:
        context["targeted"] = number(execution.targeted)
    return context


def _run_links(execution: Execution, request: HttpRequest) -> dict[str, Any]:
    arguments = (execution.pk,)
    return {
        "live_path": f"/live/executions/{execution.pk}/?language={request.LANGUAGE_CODE}",
        "people_url": reverse("admin:outreach_execution_people", args=arguments),
        "csv_url": reverse("admin:outreach_execution_csv", args=arguments) if request.user.has_perm(PERSONAL) else "",
        "report_url": reverse("admin:outreach_execution_change", args=arguments),
    }


def _audience_sentence(campaign: Campaign) -> str:
    if campaign.segment is None:
        return _("Every contact with an address on this channel")
    said = segment_sentence(read_segment(campaign.segment.conditions))
    if campaign.audience_mode == AudienceMode.LIVE:
        said += ". " + _("Checked again before each message: who has left the segment by then is skipped")
    return said


def _timeline(campaign: Campaign, senders: Sequence[Sender]) -> list[TimelineLine]:
    names = {sender.pk: sender.name for sender in senders}
    return timeline(campaign_history(campaign, senders), lambda entry: history_words(entry, names))


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
        "takes": _takes(course),
        "curve": bars_of(course.curve, HOUR) if len(course.curve) > 1 else None,
        "curve_label": _("Messages over time"),
    }


def _takes(course: Forecast) -> str:
    """How long from the first message to the last."""
    if course.first_at is None or course.finish_at is None:
        return ""
    return duration(max(1.0, (course.finish_at - course.first_at).total_seconds()))


def _preview_context(campaign: Campaign, request: HttpRequest, now: dt.datetime) -> dict[str, Any]:
    """The message as one person would get it; personal values only for whoever may read them."""
    clear = request.user.has_perm(PERSONAL)
    preview = campaign_preview(
        campaign,
        now,
        person_id=key_in(request, "person") or 0,
        show=_as_it_is if clear else masked,
    )
    name = (preview.person.name or preview.person.phone or preview.person.email or "") if preview else ""
    return {"preview": preview, "preview_name": name if clear else masked(name)}


def _as_it_is(value: Any) -> Any:
    return value


def _limit_days(found: CampaignForecast) -> str:
    if found.days_by_limit < 2:
        return ""
    return _("%(limit)s messages in 24 hours mean %(days)s days for this audience.") % {
        "limit": number(found.per_day),
        "days": number(found.days_by_limit),
    }
