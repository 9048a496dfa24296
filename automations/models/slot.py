"""The ledger of slots."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from automations.states import SlotReason, SlotState


class Slot(models.Model):
    """One due time of one schedule in one scope: it runs once, whoever fires it and however often.

    The scope is empty for what Beat fires and `manual` for what a person started. `nudged_at` and `nudges` say when and
    how often a worker was told; NULL means the broker has not taken a message yet. `detail` is the task's own closing
    word, or its last error.
    """

    key = models.CharField(_("schedule"), max_length=200)
    scope = models.CharField(_("scope"), max_length=120, blank=True)
    slot = models.DateTimeField(_("slot"))
    task = models.CharField(_("task"), max_length=200)
    queue = models.CharField(_("queue"), max_length=40)
    kwargs = models.JSONField(_("arguments"), default=dict, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=SlotState.choices, default=SlotState.DUE)
    reason = models.CharField(_("reason"), max_length=12, choices=SlotReason.choices, blank=True)
    detail = models.CharField(_("detail"), max_length=500, blank=True)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=0)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    nudged_at = models.DateTimeField(_("nudged"), null=True, blank=True)
    nudges = models.PositiveSmallIntegerField(_("nudges"), default=0)
    created_at = models.DateTimeField(_("created"), db_default=Now())
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("slot")
        verbose_name_plural = _("slots")
        constraints = [models.UniqueConstraint(fields=["key", "scope", "slot"], name="one_run_per_slot")]
        indexes = [
            models.Index(fields=["nudged_at"], name="slot_open", condition=models.Q(state__in=["due", "running"])),
            models.Index(fields=["-slot"], name="slot_lost", condition=models.Q(state__in=["missed", "failed"])),
            models.Index(fields=["-slot"], name="slot_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.slot:%Y-%m-%d %H:%M%z} {self.scope}".rstrip()
