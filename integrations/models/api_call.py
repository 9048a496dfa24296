"""The ledger of calls: one row per call of an outside service, or per chunk of equal ones."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.states import CallOutcome


class ApiCall(models.Model):
    """What was asked of a service and what came of it. Hot table: no foreign key, its index begins with the day; never changed once written.

    `calls` is more than one where a chunk of messages is one row; `milliseconds` is then the chunk's. `units` is what is paid for
    (tokens, messages), `cost` its price in `currency`; `purpose` is what the call was made for, such as an automation's code.
    """

    called_on = models.DateField(_("day"))  # UTC
    called_at = models.DateTimeField(_("time"))
    service = models.TextField(_("service"))
    connection_id = models.BigIntegerField(_("connection"))
    operation = models.TextField(_("operation"))
    outcome = models.SmallIntegerField(_("outcome"), choices=CallOutcome.choices)
    code = models.TextField(_("error code"))
    milliseconds = models.IntegerField(_("milliseconds"))
    attempts = models.SmallIntegerField(_("attempts"))
    calls = models.IntegerField(_("calls"))
    units = models.BigIntegerField(_("units"))
    cost = models.DecimalField(_("cost"), max_digits=14, decimal_places=6)
    currency = models.TextField(_("currency"))
    purpose = models.TextField(_("made for"))

    class Meta:
        verbose_name = _("service call")
        verbose_name_plural = _("service calls")
        indexes = [models.Index(fields=["called_on", "service", "called_at"], name="api_call_by_day")]

    def __str__(self) -> str:
        return f"{self.service} {self.operation}"
