"""One look at one connection: whether it worked, and how fast."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from integrations.states import CheckState


class ConnectionCheck(models.Model):
    """Hot table: every connection every five minutes. No foreign key; its index begins with the day."""

    checked_at = models.DateTimeField(_("checked"), db_default=Now())
    checked_on = models.DateField(_("checked on"))  # UTC
    connection_id = models.BigIntegerField(_("connection"))
    state = models.SmallIntegerField(_("state"), choices=CheckState.choices)
    latency_ms = models.PositiveIntegerField(_("latency in ms"), null=True)
    text = models.TextField(_("what to do"), blank=True)

    class Meta:
        verbose_name = _("connection check")
        verbose_name_plural = _("connection checks")
        indexes = [models.Index(fields=["checked_on", "connection_id", "id"], name="connection_check_day")]

    def __str__(self) -> str:
        return f"{self.connection_id} {self.checked_at}"
