"""States of the slot ledger."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class SlotState(models.TextChoices):
    """Where one due time of one schedule stands. Next states: see `NEXT_STATES`."""

    DUE = "due", _("due")
    """To be run; a worker has been or will be nudged."""
    RUNNING = "running", _("running")
    """A worker holds its lease and runs it."""
    DONE = "done", _("done")
    """It ran to its end, once."""
    FAILED = "failed", _("failed")
    """It was tried as often as is allowed and never ended; a person may try again."""
    MISSED = "missed", _("missed")
    """It passed while nothing could run it, and its policy does not make it up; a person may."""


NEXT_STATES: dict[SlotState, frozenset[SlotState]] = {
    SlotState.DUE: frozenset({SlotState.RUNNING, SlotState.MISSED}),
    SlotState.RUNNING: frozenset({SlotState.DONE, SlotState.DUE, SlotState.FAILED}),
    SlotState.DONE: frozenset(),
    SlotState.FAILED: frozenset({SlotState.DUE}),
    SlotState.MISSED: frozenset({SlotState.DUE}),
}


class SlotReason(models.TextChoices):
    """Why a slot is where it is."""

    LATE = "late", _("it passed while nothing could run it, and its policy makes up none")
    SUPERSEDED = "superseded", _("it passed while nothing could run it, and its policy makes up only the latest")
    LOST = "lost", _("its worker fell silent each time")
    ERROR = "error", _("it ended with an error each time")
    UNKNOWN_TASK = "unknown_task", _("no worker knows its task")
    STARTED = "started", _("started by a person")
