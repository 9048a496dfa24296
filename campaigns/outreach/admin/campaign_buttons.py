"""What can be done with a campaign: each asks once, with numbers, and calls one operation."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.enums import ActionVariant

from agency.admin.buttons import ButtonForm, OperationButton, calls, in_state
from agency.admin.forms import OptionalWhyForm, begin_with
from agency.admin.words import moment, money, number, sentence
from agency.kit.actor import Actor
from agency.rules.roles import RUN_CAMPAIGNS
from campaigns.outreach.models import Campaign
from campaigns.outreach.operations.campaigns import archive_campaign, schedule_campaign, unschedule_campaign
from campaigns.outreach.operations.executions import (
    cancel_campaign,
    change_campaign_limits,
    pause_campaign,
    resume_campaign,
    start_campaign,
)
from campaigns.outreach.selectors.curve import sent_curve
from campaigns.outreach.selectors.executions import open_execution, waiting_people
from campaigns.outreach.selectors.forecast import campaign_forecast, message_cost, rest_forecast
from campaigns.outreach.selectors.readiness import campaign_senders, usable
from campaigns.outreach.states import CampaignState, Recurrence
from messaging.admin.run_buttons import pause_button, resume_button
from messaging.selectors.totals import funnel

DRAFT, SCHEDULED, RUNNING, PAUSED = (
    CampaignState.DRAFT,
    CampaignState.SCHEDULED,
    CampaignState.RUNNING,
    CampaignState.PAUSED,
)


class ScheduleForm(ButtonForm):
    """When it starts by itself."""

    starts_at = forms.DateTimeField(
        label=gettext_lazy("Starts"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"],
        help_text=gettext_lazy("On your own clock."),
    )
    recurrence = forms.ChoiceField(label=gettext_lazy("Repeats"), choices=Recurrence.choices)
    ends_at = forms.DateTimeField(
        label=gettext_lazy("Ends"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"],
        help_text=gettext_lazy("Only for a daily campaign; empty: until somebody stops it."),
    )

    def narrow(self) -> None:
        """Begin with what is stored."""
        begin_with(self, self.record, ("starts_at", "recurrence", "ends_at"))


class LimitsForm(ButtonForm):
    """How fast and how urgently."""

    rate_per_hour = forms.IntegerField(label=gettext_lazy("At most in an hour"), required=False, min_value=1)
    max_per_day = forms.IntegerField(
        label=gettext_lazy("At most in 24 hours"),
        required=False,
        min_value=1,
        help_text=gettext_lazy("Leave a limit empty for none. A running campaign obeys within seconds."),
    )
    priority = forms.IntegerField(
        label=gettext_lazy("Priority"), min_value=1, max_value=10, help_text=gettext_lazy("10 is the most urgent.")
    )

    def narrow(self) -> None:
        """Begin with what is stored."""
        begin_with(self, self.record, ("rate_per_hour", "max_per_day", "priority"))


def start_warning(campaign: Campaign) -> str:
    """What a start means, in numbers."""
    found = campaign_forecast(campaign, timezone.now())
    people = number(found.audience.number)
    if not found.audience.exact:
        people = _("about %(number)s") % {"number": people}
    said = _("Sends one message to each of %(people)s people") % {"people": people}
    if cost := money(found.cost):
        said += _(", about %(cost)s by list prices") % {"cost": cost}
    if found.course.finish_at is not None:
        said += _(", done by %(finish)s") % {"finish": moment(found.course.finish_at)}
    return sentence(said)


def _left_warning(campaign: Campaign) -> str:
    execution = open_execution(campaign)
    if execution is None:
        return _("It will not start by itself any more, and it cannot be started again.")
    sent = number(funnel([execution.job_id]).accepted)
    return _(
        "%(sent)s messages have been sent; that stays so. %(number)s people have not been written to yet: they will be marked as cancelled, "
        "and it cannot be started again."
    ) % {"sent": sent, "number": number(waiting_people(campaign))}


def _resume_warning(campaign: Campaign) -> str:
    execution = open_execution(campaign)
    if execution is None:
        return ""
    waiting = waiting_people(campaign)
    said = _("Sends the messages of the %(number)s people who still wait") % {"number": number(waiting)}
    senders = tuple(sender for sender in campaign_senders(campaign) if usable(sender))
    if cost := money(message_cost(senders, waiting)):
        said += _(", about %(cost)s by list prices") % {"cost": cost}
    finish = rest_forecast(execution, waiting, sent_curve(execution), timezone.now()).finish_at
    if finish is not None:
        said += _(", done by %(finish)s") % {"finish": moment(finish)}
    return sentence(said)


def _schedule_warning(campaign: Campaign) -> str:
    found = campaign_forecast(campaign, timezone.now())
    said = _("If it started now it would write to %(people)s people") % {"people": number(found.audience.number)}
    if cost := money(found.cost):
        said += _(", about %(cost)s by list prices") % {"cost": cost}
    return sentence(said) + " " + _("The audience is chosen when it starts.")


def _pause_warning(campaign: Campaign) -> str:
    return _("Sending stops within seconds; %(number)s people wait until it is resumed.") % {
        "number": number(waiting_people(campaign))
    }


def _schedule(actor: Actor, campaign: Campaign, answers: Mapping[str, Any]) -> str:
    changed = schedule_campaign(
        campaign_id=campaign.pk,
        starts_at=answers["starts_at"],
        recurrence=Recurrence(answers["recurrence"]),
        ends_at=answers["ends_at"],
        actor=actor,
    )
    starts = moment(changed.next_run_at or answers["starts_at"])
    return sentence(_("Scheduled; it starts at %(moment)s.") % {"moment": starts})


def _may_cancel(campaign: Campaign) -> bool:
    return campaign.state in (RUNNING, PAUSED) or (campaign.state == SCHEDULED and open_execution(campaign) is None)


# In order of importance: the first that is shown is the one next action.
CAMPAIGN_BUTTONS = (
    OperationButton(
        "start",
        gettext_lazy("Start"),
        RUN_CAMPAIGNS,
        run=calls(
            start_campaign,
            "campaign_id",
            gettext_lazy("Started. The audience is being written; sending begins within seconds."),
        ),
        warning=start_warning,
        shown=in_state(DRAFT, SCHEDULED),
        icon="play_arrow",
        variant=ActionVariant.PRIMARY,
    ),
    resume_button(resume_campaign, "campaign_id", warning=_resume_warning, shown=in_state(PAUSED)),
    pause_button(pause_campaign, "campaign_id", warning=_pause_warning, shown=in_state(RUNNING)),
    OperationButton(
        "schedule",
        gettext_lazy("Schedule"),
        RUN_CAMPAIGNS,
        run=_schedule,
        form=ScheduleForm,
        warning=_schedule_warning,
        shown=in_state(DRAFT, SCHEDULED),
        icon="schedule",
    ),
    OperationButton(
        "unschedule",
        gettext_lazy("Off the schedule"),
        RUN_CAMPAIGNS,
        run=calls(unschedule_campaign, "campaign_id", gettext_lazy("Off the schedule; it is a draft again.")),
        shown=in_state(SCHEDULED),
        icon="event_busy",
    ),
    OperationButton(
        "limits",
        gettext_lazy("Change limits"),
        RUN_CAMPAIGNS,
        run=calls(change_campaign_limits, "campaign_id", gettext_lazy("Limits changed.")),
        form=LimitsForm,
        shown=in_state(DRAFT, SCHEDULED, RUNNING, PAUSED),
        icon="speed",
    ),
    OperationButton(
        "cancel",
        gettext_lazy("Cancel campaign"),
        RUN_CAMPAIGNS,
        run=calls(cancel_campaign, "campaign_id", gettext_lazy("Cancelled. Nothing more is sent.")),
        form=OptionalWhyForm,
        warning=_left_warning,
        shown=_may_cancel,
        icon="cancel",
        variant=ActionVariant.DANGER,
    ),
    OperationButton(
        "archive",
        gettext_lazy("Archive"),
        "outreach.change_campaign",
        run=calls(archive_campaign, "campaign_id", gettext_lazy("Archived.")),
        shown=in_state(DRAFT, CampaignState.COMPLETED, CampaignState.CANCELLED),
        icon="inventory_2",
    ),
)
