"""Celery tasks of the clock."""

from celery import shared_task

from automations.operations import slots
from automations.runners import run_slot as runner


@shared_task(name="automations.run_slot")
def run_slot(slot_id: int) -> None:
    """Run one row of the slot ledger; harmless when delivered twice."""
    runner.run_slot(slot_id=slot_id)


@shared_task(name="automations.prune_slots")
def prune_slots(slot: str) -> str:
    """Delete old ledger rows (a slot schedule of this package)."""
    return f"{slots.prune_slots()} rows deleted"
