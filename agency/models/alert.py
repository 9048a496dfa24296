"""Something is wrong, from when until when, and who looks after it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from agency.states import AlertSeverity


class Alert(models.Model):
    """One episode of something being wrong. `key` names what is watched (`connection:7:health`); at most one episode a key is open.

    While the trouble lasts, whoever watches raises it again: `last_seen_at` and `times_seen` grow, the texts follow. `title` and `text` say what is
    wrong, `todo` what a person should do. `client` is empty for what belongs to the agency as a whole.
    """

    key = models.CharField(_("key"), max_length=200)
    severity = models.SmallIntegerField(_("severity"), choices=AlertSeverity.choices)
    title = models.CharField(_("what is wrong"), max_length=200)
    text = models.TextField(_("details"), blank=True)
    todo = models.TextField(_("what to do"), blank=True)
    subject_type = models.CharField(_("record"), max_length=60, blank=True)
    subject_id = models.BigIntegerField(_("record id"), null=True, blank=True)
    client = models.ForeignKey(
        "agency.Client", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("client")
    )
    raised_at = models.DateTimeField(_("since"))
    last_seen_at = models.DateTimeField(_("last seen"))
    times_seen = models.PositiveIntegerField(_("times seen"), default=1)
    acknowledged_at = models.DateTimeField(_("taken on at"), null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        "agency.User", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("looked after by")
    )
    note = models.CharField(_("note"), max_length=500, blank=True)
    cleared_at = models.DateTimeField(_("over since"), null=True, blank=True)

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        constraints = [
            models.UniqueConstraint(
                fields=["key"], condition=models.Q(cleared_at__isnull=True), name="one_open_alert_per_key"
            ),
        ]
        indexes = [
            models.Index(
                fields=["subject_type", "subject_id"],
                condition=models.Q(cleared_at__isnull=True),
                name="open_alert_subject",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        """Whether it is still wrong."""
        return self.cleared_at is None
