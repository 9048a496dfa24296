"""Which run of a campaign is going on."""

from collections.abc import Sequence

from campaigns.outreach.models import Campaign, Execution
from campaigns.outreach.states import ExecutionState
from messaging.kit.owners import JobOwner
from messaging.selectors.totals import funnel
from messaging.states import RecipientState

OPEN_EXECUTIONS = (
    ExecutionState.PREPARING,
    ExecutionState.RUNNING,
    ExecutionState.PAUSED,
    ExecutionState.FINISHING,
)


def open_execution(campaign: Campaign) -> Execution | None:
    """The run that has not ended, if there is one; a campaign has at most one."""
    return (
        Execution.objects.filter(campaign=campaign, state__in=OPEN_EXECUTIONS)
        .select_related("campaign__client", "job")
        .first()
    )


def latest_execution(campaign: Campaign) -> Execution | None:
    """The newest run, whatever its state."""
    return (
        Execution.objects.filter(campaign=campaign)
        .select_related("campaign__client", "job")
        .order_by("-number")
        .first()
    )


def waiting_people(campaign: Campaign) -> int:
    """How many of the open run have not been written to yet; 0 without one."""
    execution = open_execution(campaign)
    if execution is None:
        return 0
    return funnel([execution.job_id]).of(RecipientState.PENDING, RecipientState.LEASED)


def owners_of_jobs(job_ids: Sequence[int]) -> dict[int, JobOwner]:
    """The campaign each of these send jobs was opened for."""
    runs = Execution.objects.filter(job_id__in=job_ids).select_related("campaign")
    return {run.job_id: JobOwner(run.campaign.name, "outreach_campaign_change", run.campaign_id) for run in runs}
