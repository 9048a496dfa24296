"""Celery tasks of the clock."""

from celery import shared_task

from agency.runners.retention import prune_records
from automations.runners import run_slot as runner


@shared_task(name="automations.run_slot")
def run_slot(slot_id: int) -> None:
    """Run one row of the slot ledger; harmless when delivered twice."""
    runner.run_slot(slot_id=slot_id)


@shared_task(name="automations.prune_slots")
def prune_slots(slot: str) -> str:
    """Delete old ledger rows (a slot schedule of this package)."""
    return prune_records(name="slots")
