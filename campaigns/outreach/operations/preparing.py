"""What happens to executions by themselves: their audience is written, they finish, scheduled ones start."""

import datetime as dt
import logging

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from agency.kit.queue import enqueue
from agency.operations.audit import record_audit
from campaigns.outreach.models import Campaign, Execution
from campaigns.outreach.operations.executions import PREPARE, start_campaign
from campaigns.outreach.rules.schedule import latest_run, next_run
from campaigns.outreach.selectors.audience import campaign_audience
from campaigns.outreach.selectors.executions import OPEN_EXECUTIONS
from campaigns.outreach.states import CampaignState, ExecutionState, Recurrence
from messaging.models import Contact
from messaging.operations.jobs import add_recipients, complete_audience
from messaging.rules.zones import first_zone
from messaging.states import JobState

CHUNK = 50_000  # contacts looked at in one transaction: well under a second, and what a crash repeats at most
ACTOR = Actor.system("outreach")
logger = logging.getLogger(__name__)


@transaction.atomic
def prepare_chunk(*, execution_id: int, chunk: int = CHUNK) -> bool:
    """Write the next piece of the audience into the send job. Returns whether another piece remains for the caller.

    Cursor and rows are one transaction, so that a crash repeats a piece or nothing. Two callers at once do not wait for each other.
    """
    execution = (
        Execution.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("campaign__client", "campaign__segment", "job")
        .filter(
            pk=execution_id, state__in=(ExecutionState.PREPARING, ExecutionState.PAUSED), job__audience_complete=False
        )
        .first()
    )
    if execution is None:
        return False
    client = execution.campaign.client
    up_to = (
        Contact.objects.filter(
            pk__in=Contact.objects.filter(client=client, pk__gt=execution.prepared_to, pk__lte=execution.audience_to)
            .order_by("pk")
            .values("pk")[:chunk]
        )
        .order_by()
        .aggregate(last=Max("pk"))["last"]
    )
    if up_to is not None:
        execution.targeted += add_recipients(
            job=execution.job,
            contacts=campaign_audience(execution.campaign, execution.started_at),
            after_id=execution.prepared_to,
            up_to_id=up_to,
        )
        execution.prepared_to = up_to
        execution.save(update_fields=["targeted", "prepared_to"])
        if up_to < execution.audience_to:
            return True
    complete_audience(job_id=execution.job_id)
    if execution.state == ExecutionState.PREPARING:
        execution.state = ExecutionState.RUNNING
        execution.save(update_fields=["state"])
    return False


def prepare_execution(*, execution_id: int) -> None:
    """Write the whole audience, piece by piece; may be called any number of times, also at once."""
    while prepare_chunk(execution_id=execution_id):
        continue


def finish_executions() -> int:
    """Close executions whose job has ended, open those whose job runs again, and nudge those whose audience is not written yet.

    Returns how many were closed.
    """
    closed = 0
    waiting = Execution.objects.filter(state__in=OPEN_EXECUTIONS).values_list(
        "pk", "job__state", "job__audience_complete"
    )
    for execution_id, job_state, complete in waiting.order_by("pk"):
        if job_state in (JobState.FINISHED, JobState.CANCELLED):
            closed += _finish(execution_id)
        elif not complete:
            enqueue(PREPARE, execution_id)
    revived = Execution.objects.filter(state=ExecutionState.COMPLETED, job__state=JobState.RUNNING)
    for execution_id in revived.order_by("pk").values_list("pk", flat=True):
        _reopen(execution_id)
    return closed


def _locked(execution_id: int) -> tuple[Campaign, Execution]:
    """An execution and its campaign, locked in the order every operation uses."""
    campaign_id = Execution.objects.values_list("campaign_id", flat=True).get(pk=execution_id)
    campaign = Campaign.objects.select_for_update(of=("self",)).select_related("client").get(pk=campaign_id)
    return campaign, Execution.objects.select_for_update(of=("self",)).select_related("job").get(pk=execution_id)


@transaction.atomic
def _reopen(execution_id: int) -> None:
    """A person has asked for a finished job's dead letters to be tried again: its run goes on, unless a later one is open already."""
    campaign, execution = _locked(execution_id)
    if execution.state != ExecutionState.COMPLETED or execution.job.state != JobState.RUNNING:
        return
    if campaign.state == CampaignState.ARCHIVED:
        return  # the messages go out; a campaign that was put away stays there
    if Execution.objects.filter(campaign=campaign, state__in=OPEN_EXECUTIONS).exists():
        return
    execution.state, execution.finished_at = ExecutionState.RUNNING, None
    execution.save(update_fields=["state", "finished_at"])
    before, campaign.state = campaign.state, CampaignState.RUNNING
    campaign.save(update_fields=["state"])
    record_audit(
        actor=ACTOR,
        action="reopen_campaign",
        subject=campaign,
        client=campaign.client,
        before={"state": before},
        after={"state": campaign.state, "execution": execution.number},
    )


@transaction.atomic
def _finish(execution_id: int) -> int:
    campaign, execution = _locked(execution_id)
    if execution.state not in OPEN_EXECUTIONS or execution.job.state not in (JobState.FINISHED, JobState.CANCELLED):
        return 0
    finished = execution.job.state == JobState.FINISHED
    execution.state = ExecutionState.COMPLETED if finished else ExecutionState.CANCELLED
    execution.finished_at = execution.job.finished_at or timezone.now()
    execution.save(update_fields=["state", "finished_at"])
    before = campaign.state
    if not finished:
        campaign.state, campaign.next_run_at = CampaignState.CANCELLED, None
    else:
        campaign.state = CampaignState.SCHEDULED if campaign.next_run_at else CampaignState.COMPLETED
    campaign.save(update_fields=["state", "next_run_at"])
    record_audit(
        actor=ACTOR,
        action="finish_campaign",
        subject=campaign,
        client=campaign.client,
        before={"state": before},
        after={"state": campaign.state, "execution": execution.number},
    )
    return 1


def start_due_campaigns(*, now: dt.datetime | None = None) -> int:
    """Start every scheduled campaign whose time has come, each once. Returns how many were started."""
    moment = now or timezone.now()
    due = Campaign.objects.filter(next_run_at__lte=moment).order_by("next_run_at", "pk").values_list("pk", flat=True)
    started = 0
    for campaign_id in due[:100]:
        try:
            started += _start_due(campaign_id, moment)
        except Exception:  # a defect that one campaign meets must not keep the others from starting
            logger.exception("scheduled campaign not started", extra={"campaign": campaign_id})
    return started


@transaction.atomic
def _start_due(campaign_id: int, now: dt.datetime) -> int:
    """Start one campaign's due slot and compute the next one. Of several missed days only the latest is made up.

    A day on which the last run is still going on is left out; what cannot start goes back to draft, or waits for the next day. Both are
    told in the audit log.
    """
    campaign = (
        Campaign.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("client")
        .filter(pk=campaign_id, next_run_at__lte=now)
        .first()
    )
    if campaign is None or campaign.next_run_at is None:
        return 0
    zone_name = first_zone(campaign.client.time_zone)
    slot = latest_run(campaign.recurrence, campaign.next_run_at, campaign.ends_at, zone_name, now)
    following = (
        next_run(campaign.recurrence, slot, campaign.ends_at, zone_name, now)
        if campaign.recurrence == Recurrence.DAILY
        else None
    )
    Campaign.objects.filter(pk=campaign.pk).update(next_run_at=following)
    try:
        with transaction.atomic():
            start_campaign(campaign_id=campaign.pk, actor=ACTOR, slot=slot)
    except OperationRefused as refusal:
        if campaign.state == CampaignState.SCHEDULED and following is None:
            Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.DRAFT)
        logger.warning("scheduled campaign not started", extra={"campaign": campaign.pk, "code": refusal.code})
        record_audit(
            actor=ACTOR,
            action="miss_slot",
            subject=campaign,
            client=campaign.client,
            after={"slot": slot.isoformat(), "code": refusal.code},
            why=refusal.text,
        )
        return 0
    return 1
