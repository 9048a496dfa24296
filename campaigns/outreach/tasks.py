"""Campaigns' tasks: each calls one operation. A message is only a nudge."""

from celery import shared_task

from campaigns.outreach.operations import preparing


@shared_task(name="outreach.prepare_execution")
def prepare_execution(execution_id: int) -> None:
    """Writes an execution's audience into its send job."""
    preparing.prepare_execution(execution_id=execution_id)


@shared_task(name="outreach.start_due_campaigns")
def start_due_campaigns() -> None:
    """Starts the scheduled campaigns whose time has come."""
    preparing.start_due_campaigns()


@shared_task(name="outreach.finish_executions")
def finish_executions() -> None:
    """Closes executions whose job has ended, and nudges those that still wait for their audience."""
    preparing.finish_executions()
