"""Which run of a campaign is going on."""

from campaigns.outreach.models import Campaign, Execution
from campaigns.outreach.states import ExecutionState

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
