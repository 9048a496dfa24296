"""One run of a campaign."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.outreach.states import ExecutionState


class Execution(models.Model):
    """Points to its send job, where the recipients are. `slot` is the due time it was started for (empty: started by hand).

    `prepared_to` is the last contact id that was considered while the audience is being written, so that preparing resumes after a crash;
    `audience_to` is the last one there was when it started: contacts imported later are not in it.
    """

    campaign = models.ForeignKey(
        "outreach.Campaign", models.PROTECT, related_name="executions", verbose_name=_("campaign")
    )
    number = models.PositiveIntegerField(_("number"))
    slot = models.DateTimeField(_("slot"), null=True, blank=True)
    job = models.OneToOneField("messaging.SendJob", models.PROTECT, related_name="+", verbose_name=_("send job"))
    state = models.CharField(
        _("state"), max_length=10, choices=ExecutionState.choices, default=ExecutionState.PREPARING
    )
    prepared_to = models.BigIntegerField(default=0)
    audience_to = models.BigIntegerField(default=0)
    targeted = models.BigIntegerField(_("targeted"), default=0)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("by")
    )
    started_at = models.DateTimeField(_("started"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    error = models.TextField(_("error"), blank=True)

    class Meta:
        verbose_name = _("execution")
        verbose_name_plural = _("executions")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["state"],
                name="execution_open",
                condition=models.Q(state__in=["preparing", "running", "paused", "finishing"]),
            )
        ]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "number"], name="one_execution_per_number"),
            models.UniqueConstraint(fields=["campaign", "slot"], name="one_execution_per_slot"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign} #{self.number}"
