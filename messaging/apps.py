"""The send engine, and whom, from whom and what it sends."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from agency.kit.schedules import declare_schedule


class MessagingConfig(AppConfig):
    name = "messaging"
    verbose_name = _("Messaging")

    def ready(self) -> None:
        declare_schedule(
            "messaging.dispatch",
            "messaging.dispatch_jobs",
            queue="critical",
            interval=1,
            tick=True,
            description="opens waves for waiting jobs",
        )
        declare_schedule(
            "messaging.sweep",
            "messaging.sweep_jobs",
            queue="critical",
            interval=10,
            tick=True,
            description="sets going again what made no progress",
        )
