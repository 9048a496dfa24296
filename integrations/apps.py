"""The Django application `integrations`."""

from django.apps import AppConfig
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from agency.kit.health import register_check
from agency.kit.metrics import register_source
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
            description="acts on webhooks whose nudge was lost",
        )
        register_check("sandbox", import_string("integrations.selectors.sandbox.check_sandbox"), title=_("Sandbox"))
        register_source(import_string("integrations.selectors.inbound_events.inbound_gauges"))
        register_check(
            "webhooks",
            import_string("integrations.selectors.inbound_events.check_inbound_events"),
            title=_("Incoming webhooks"),
            needs=("database",),
        )
