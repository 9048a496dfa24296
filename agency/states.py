"""States of the agency's own records."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ClientState(models.TextChoices):
    """A client's life with the agency: active ⇄ paused → ended."""

    ACTIVE = "active", _("active")
    PAUSED = "paused", _("paused")  # no campaign of the client starts; what runs goes on
    ENDED = "ended", _("ended")  # kept for the records, hidden from daily lists


class Role(models.TextChoices):
    """What a person may do; each is a Django group kept in code (`agency.rules.roles`)."""

    DIRECTOR = "director", _("director")
    ACCOUNT_MANAGER = "account_manager", _("account manager")
    FINANCE = "finance", _("finance")
    ANALYST = "analyst", _("analyst")
    AGENT = "agent", _("agent")
    TECH = "tech", _("tech")
    READ_ONLY = "read_only", _("read-only")


class AlertSeverity(models.IntegerChoices):
    """How much an alert matters; a larger number is worse."""

    INFO = 10, _("for your information")  # can wait for days
    WARNING = 20, _("needs a look")  # something works badly or will stop soon
    CRITICAL = 30, _("broken")  # something does not work now
