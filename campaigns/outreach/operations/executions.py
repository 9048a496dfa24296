"""Runs of a campaign: start, pause, resume, cancel, change of limits. Each also changes the send job, in the same transaction."""

import datetime as dt

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput, OperationRefused
from agency.kit.queue import enqueue_after_commit
from agency.operations.audit import record_audit
from campaigns.outreach.models import Campaign, Execution
from campaigns.outreach.operations.campaigns import locked_campaign
from campaigns.outreach.selectors.audience import last_contact_id
from campaigns.outreach.selectors.executions import OPEN_EXECUTIONS
from campaigns.outreach.selectors.readiness import campaign_senders, start_problems
from campaigns.outreach.states import LIVE_AUDIENCE, AudienceMode, CampaignState, ExecutionState, Recurrence
from messaging.models import SendJob
from messaging.operations.jobs import JobOrder, cancel_job, change_job_limits, open_job, pause_job, resume_job
from messaging.rules.rendering import nest
from messaging.states import ChannelKind, JobState, MessageKind

PREPARE = "outreach.prepare_execution"


@transaction.atomic
def start_campaign(*, campaign_id: int, actor: Actor, slot: dt.datetime | None = None) -> Execution:
    """Open an execution and its send job, and let the audience be written. `slot` is the due time it is started for, None by hand.

    Starting a slot that was started already returns that execution. Raises `OperationRefused` with the first thing to be mended.
    """
    campaign = locked_campaign(campaign_id, tuple(CampaignState), pgettext("it cannot be …", "started"))
    if slot is not None:
        known = Execution.objects.select_related("job").filter(campaign=campaign, slot=slot).first()
        if known is not None:
            return known
    if campaign.state not in (CampaignState.DRAFT, CampaignState.SCHEDULED):
        raise OperationRefused(
            "wrong_state",
            _("This campaign is %(state)s; it cannot be %(verb)s.")
            % {"state": campaign.get_state_display(), "verb": pgettext("it cannot be …", "started")},
        )
    now = timezone.now()
    for problem in start_problems(campaign, now):
        raise OperationRefused(problem.code, problem.text)
    job = open_job(order=_job_order(campaign), actor=actor)
    number = (Execution.objects.filter(campaign=campaign).aggregate(last=Max("number"))["last"] or 0) + 1
    execution = Execution.objects.create(
        campaign=campaign,
        number=number,
        slot=slot,
        job=job,
        audience_to=last_contact_id(campaign.client),
        started_by_id=actor.user_id,
    )
    before, campaign.state = campaign.state, CampaignState.RUNNING
    if campaign.recurrence == Recurrence.ONCE:
        campaign.next_run_at = None
    campaign.save(update_fields=["state", "next_run_at"])
    record_audit(
        actor=actor,
        action="start_campaign",
        subject=campaign,
        client=campaign.client,
        before={"state": before},
        after={"state": campaign.state, "execution": number, "slot": slot and slot.isoformat()},
    )
    enqueue_after_commit(PREPARE, execution.pk)
    return execution


def _job_order(campaign: Campaign) -> JobOrder:
    return JobOrder(
        client=campaign.client,
        kind=MessageKind(campaign.kind),
        channel=ChannelKind(campaign.channel),
        sender_ids=[sender.pk for sender in campaign_senders(campaign)],
        template_version=campaign.template.current,
        variables=nest(campaign.variables),
        policy=campaign.policy,
        audience=LIVE_AUDIENCE if campaign.audience_mode == AudienceMode.LIVE else "",
        priority=campaign.priority,
        rate_per_hour=campaign.rate_per_hour,
        max_per_day=campaign.max_per_day,
        max_attempts=campaign.max_attempts,
    )


@transaction.atomic
def pause_campaign(*, campaign_id: int, actor: Actor, why: str = "") -> Execution:
    """Stop sending at once; what is in a process's hands is finished within seconds. Pausing a paused campaign changes nothing."""
    campaign = locked_campaign(
        campaign_id, (CampaignState.RUNNING, CampaignState.PAUSED), pgettext("it cannot be …", "paused")
    )
    execution = _locked_execution(campaign)
    pause_job(job_id=execution.job_id, actor=actor, why=why)
    if campaign.state != CampaignState.PAUSED:
        _move(campaign, CampaignState.PAUSED, execution, ExecutionState.PAUSED)
        _record(actor, "pause_campaign", campaign, CampaignState.RUNNING, why)
    return execution


@transaction.atomic
def resume_campaign(*, campaign_id: int, actor: Actor) -> Execution:
    """Go on where it was paused. Resuming a running campaign changes nothing."""
    campaign = locked_campaign(
        campaign_id, (CampaignState.RUNNING, CampaignState.PAUSED), pgettext("it cannot be …", "resumed")
    )
    execution = _locked_execution(campaign)
    job = resume_job(job_id=execution.job_id, actor=actor)
    if campaign.state == CampaignState.PAUSED:
        state = ExecutionState.PREPARING if job.state == JobState.PREPARING else ExecutionState.RUNNING
        _move(campaign, CampaignState.RUNNING, execution, state)
        _record(actor, "resume_campaign", campaign, CampaignState.PAUSED, "")
        if state == ExecutionState.PREPARING:
            enqueue_after_commit(PREPARE, execution.pk)
    return execution


@transaction.atomic
def cancel_campaign(*, campaign_id: int, actor: Actor, why: str = "") -> Campaign:
    """Send nothing more and never start again. Whoever was not written to is skipped as cancelled. Cancelling twice changes nothing."""
    allowed = (
        CampaignState.SCHEDULED,
        CampaignState.RUNNING,
        CampaignState.PAUSED,
        CampaignState.CANCELLED,
    )
    campaign = locked_campaign(campaign_id, allowed, pgettext("it cannot be …", "cancelled"))
    if campaign.state == CampaignState.CANCELLED:
        return campaign
    before, campaign.state, campaign.next_run_at = campaign.state, CampaignState.CANCELLED, None
    campaign.save(update_fields=["state", "next_run_at"])
    execution = Execution.objects.select_for_update().filter(campaign=campaign, state__in=OPEN_EXECUTIONS).first()
    if execution is not None:
        cancel_job(job_id=execution.job_id, actor=actor, why=why)
        execution.state, execution.finished_at = ExecutionState.CANCELLED, timezone.now()
        execution.save(update_fields=["state", "finished_at"])
    _record(actor, "cancel_campaign", campaign, before, why)
    return campaign


@transaction.atomic
def change_campaign_limits(
    *, campaign_id: int, rate_per_hour: int | None, max_per_day: int | None, priority: int, actor: Actor
) -> Campaign:
    """Change how fast and how urgently it is sent, at any time before its end; a running job obeys with its next claim."""
    open_states = (CampaignState.DRAFT, CampaignState.SCHEDULED, CampaignState.RUNNING, CampaignState.PAUSED)
    campaign = locked_campaign(campaign_id, open_states, pgettext("it cannot be …", "changed"))
    for name, value in (("rate_per_hour", rate_per_hour), ("max_per_day", max_per_day)):
        if value is not None and not 1 <= value <= 2_000_000_000:
            raise InvalidInput(f"invalid_{name}", _("A limit is at least 1; leave it empty for none."), field=name)
    if not 1 <= priority <= 10:
        raise InvalidInput("invalid_priority", _("The priority is a number from 1 to 10."), field="priority")
    names = ("rate_per_hour", "max_per_day", "priority")
    before = {name: getattr(campaign, name) for name in names}
    campaign.rate_per_hour, campaign.max_per_day, campaign.priority = rate_per_hour, max_per_day, priority
    campaign.save(update_fields=list(names))
    execution = Execution.objects.select_for_update().filter(campaign=campaign, state__in=OPEN_EXECUTIONS).first()
    if execution is not None:
        job = SendJob.objects.get(pk=execution.job_id)
        change_job_limits(
            job_id=job.pk,
            rate_per_hour=rate_per_hour,
            max_per_day=max_per_day,
            priority=priority,
            sender_ids=job.sender_ids,
            actor=actor,
        )
    record_audit(
        actor=actor,
        action="change_campaign_limits",
        subject=campaign,
        client=campaign.client,
        before=before,
        after={name: getattr(campaign, name) for name in names},
    )
    return campaign


def _locked_execution(campaign: Campaign) -> Execution:
    """The open execution; a campaign that is running or paused has exactly one. Locked after the campaign and before the job."""
    return Execution.objects.select_for_update().get(campaign=campaign, state__in=OPEN_EXECUTIONS)


def _move(campaign: Campaign, state: CampaignState, execution: Execution, execution_state: ExecutionState) -> None:
    campaign.state, execution.state = state, execution_state
    campaign.save(update_fields=["state"])
    execution.save(update_fields=["state"])


def _record(actor: Actor, action: str, campaign: Campaign, before: str, why: str) -> None:
    record_audit(
        actor=actor,
        action=action,
        subject=campaign,
        client=campaign.client,
        before={"state": str(before)},
        after={"state": str(campaign.state)},
        why=why,
    )
