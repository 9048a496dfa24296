"""Records of the clock: who holds it, what stands beside each periodic task, and the ledger of slots."""

from automations.models.beat_lease import BeatLease
from automations.models.schedule_rule import ScheduleRule
from automations.models.slot import Slot

__all__ = ["BeatLease", "ScheduleRule", "Slot"]
