"""Automations and the clock that starts them."""

from django.apps import AppConfig
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from agency.kit.health import register_check
from agency.kit.metrics import register_source
from agency.kit.retention import declare_retention


class AutomationsConfig(AppConfig):
    name = "automations"
    verbose_name = _("Automations")

    def ready(self) -> None:
        """Declare this package's checks, gauges and schedules."""
        needs = ("database",)
        check_beat = import_string("automations.selectors.health.check_beat")
        register_check("beat", check_beat, ready=True, title=_("Clock (Beat)"), needs=needs)
        register_check("schedules", import_string("automations.selectors.health.check_schedules"), needs=needs)
        register_source(import_string("automations.selectors.health.beat_gauges"))
        declare_retention(
            "slots",
            model="automations.Slot",
            piece="automations.operations.slots.prune_slots",
            what=gettext_noop("Ledger rows of slots that ran"),
            why="they show that a schedule was kept; failed and missed slots stay for ever",
            rule="daily 03:40",
            task="automations.prune_slots",
        )
