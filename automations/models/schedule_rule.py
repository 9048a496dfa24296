"""What a periodic task does not say of itself."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from agency.kit.schedules import Missed


class MissedPolicy(models.TextChoices):
    """`agency.kit.schedules.Missed`, with names for people."""

    SKIP = Missed.SKIP.value, _("not made up")
    LATEST = Missed.LATEST.value, _("the latest is made up")
    ALL = Missed.ALL.value, _("all are made up")


class ScheduleRule(models.Model):
    """Stands beside one `PeriodicTask`, whose name is the schedule's key.

    `rule` is empty where the task's crontab says it; otherwise the crontab only ticks daily and this text rules, in the
    crontab's time zone. `declared` is the declaration that was last applied, field by field: what differs from it was
    changed by a person and survives the next sync. Every slot up to `settled_until` is in the ledger; `settled_rule` is
    the rule that was followed so far, so that an edit counts from the moment it was made.
    """

    periodic_task = models.OneToOneField(
        "django_celery_beat.PeriodicTask",
        models.CASCADE,
        related_name="schedule_rule",
        verbose_name=_("periodic task"),
    )
    rule = models.CharField(_("rule"), max_length=1000, blank=True)
    missed = models.CharField(_("missed slots"), max_length=10, choices=MissedPolicy.choices, default=MissedPolicy.SKIP)
    declared = models.JSONField(_("declaration"), default=dict, blank=True)
    removed_at = models.DateTimeField(_("no longer declared since"), null=True, blank=True)
    settled_until = models.DateTimeField(_("settled until"), null=True, blank=True)
    settled_rule = models.CharField(max_length=1100, blank=True)

    class Meta:
        verbose_name = _("schedule")
        verbose_name_plural = _("schedules")

    def __str__(self) -> str:
        return str(self.periodic_task.name)
