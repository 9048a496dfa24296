"""Reads of the clock: schedules as they stand, the ledger, and whether Beat is alive."""

from automations.selectors.beat import BeatState, beat_state
from automations.selectors.schedules import (
    ScheduleLine,
    schedule_lines,
    schedules_out_of_step,
)

__all__ = ["BeatState", "ScheduleLine", "beat_state", "schedule_lines", "schedules_out_of_step"]
