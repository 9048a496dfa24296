"""States of campaigns and executions."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class CampaignState(models.TextChoices):
    """draft → scheduled → running ⇄ paused → completed | cancelled; any of the last two → archived."""

    DRAFT = "draft", _("draft")
    SCHEDULED = "scheduled", _("scheduled")
    RUNNING = "running", _("running")
    PAUSED = "paused", _("paused")
    COMPLETED = "completed", _("completed")
    CANCELLED = "cancelled", _("cancelled")
    ARCHIVED = "archived", _("archived")


class ExecutionState(models.TextChoices):
    """preparing → running ⇄ paused → finishing → completed | cancelled | failed."""

    PREPARING = "preparing", _("preparing")
    RUNNING = "running", _("running")
    PAUSED = "paused", _("paused")
    FINISHING = "finishing", _("finishing")
    COMPLETED = "completed", _("completed")
    CANCELLED = "cancelled", _("cancelled")
    FAILED = "failed", _("failed")


LIVE_AUDIENCE = "outreach.segment"  # the name under which send jobs ask whether a person still is in the segment


class AudienceMode(models.TextChoices):
    """Whether the audience is fixed when the execution starts, or checked again when each message is sent.

    A live audience only shrinks: who leaves the segment before their turn is skipped; who joins it later is in the next run.
    """

    FROZEN = "frozen", _("as it is at the start")
    LIVE = "live", _("checked again before each message")


class Recurrence(models.TextChoices):
    """How often a scheduled campaign runs."""

    ONCE = "once", _("once")
    DAILY = "daily", _("daily")
