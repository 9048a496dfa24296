"""The one audit log."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditEntry(models.Model):
    """Who did what to which record, why, and what it was before and after. Written by operations only, one row an operation."""

    at = models.DateTimeField(_("at"), auto_now_add=True)
    actor = models.CharField(_("who"), max_length=200)
    user_id = models.BigIntegerField(_("user id"), null=True, blank=True)
    client = models.ForeignKey(
        "agency.Client", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("client")
    )
    action = models.CharField(_("action"), max_length=60)
    subject_type = models.CharField(_("record"), max_length=60)
    subject_id = models.BigIntegerField(_("record id"), null=True, blank=True)
    before = models.JSONField(_("before"), default=dict)
    after = models.JSONField(_("after"), default=dict)
    why = models.TextField(_("why"), blank=True)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        indexes = [
            models.Index(fields=["subject_type", "subject_id", "id"], name="audit_subject"),
            models.Index(fields=["client", "id"], name="audit_client"),
            models.Index(fields=["user_id", "id"], name="audit_person"),
            models.Index(fields=["at"], name="audit_at"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject_type} {self.subject_id}"
