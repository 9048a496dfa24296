"""The Django application `integrations`."""

from django.apps import AppConfig
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from agency.kit.health import register_check
from agency.kit.metrics import register_source
from agency.kit.references import declare_reference
from agency.kit.retention import declare_retention
from agency.kit.schedules import declare_schedule


class IntegrationsConfig(AppConfig):
    """Registers the models and admin of the connections to external services."""

    name = "integrations"
    label = "integrations"
    verbose_name = _("Integrations")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """What the integration layer needs done regularly."""
        declare_schedule(
            "integrations.inbound",
            "integrations.dispatch_inbound",
            queue="webhooks",
            interval=1,
            tick=True,
            description=gettext_noop("acts on webhooks whose nudge was lost"),
        )
        register_check("sandbox", import_string("integrations.selectors.sandbox.check_sandbox"), title=_("Sandbox"))
        declare_reference("integrations.InboundEvent", "connection_id", "integrations.Connection")
        declare_retention(
            "inbound_events",
            model="integrations.InboundEvent",
            piece="integrations.operations.retention.prune_inbound_events",
            what=gettext_noop("Webhook deliveries that were acted upon or ignored, with their bodies"),
            why="they hold people's addresses and texts; what they said stands in the records; until then they can be replayed",
            rule="daily 03:10",
        )
        declare_retention(
            "failed_inbound_events",
            model="integrations.InboundEvent",
            piece="integrations.operations.retention.prune_failed_inbound_events",
            what=gettext_noop("Webhook deliveries that could not be acted upon"),
            why="longer than the others, so that they can be replayed after a mend; what still waits is never deleted",
            rule="daily 03:15",
        )
        register_source(import_string("integrations.selectors.inbound_events.inbound_gauges"))
        register_check(
            "webhooks",
            import_string("integrations.selectors.inbound_events.check_inbound_events"),
            title=_("Incoming webhooks"),
            needs=("database",),
        )
