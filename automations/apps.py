"""Automations and the clock that starts them."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from agency.kit.schedules import declare_schedule


class AutomationsConfig(AppConfig):
    name = "automations"
    verbose_name = _("Automations")

    def ready(self) -> None:
        """Declare this package's own schedules."""
        declare_schedule(
            "automations.prune_slots",
            "automations.prune_slots",
            queue="maintenance",
            rule="daily 03:40",
            missed="latest",
            description="Deletes ledger rows of slots that ran, once they are older than they are of use.",
        )
