"""The send engine, and whom, from whom and what it sends."""

from django.apps import AppConfig
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from agency.kit.schedules import declare_schedule
from integrations.events import MessageEvent


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
        declare_schedule(
            "messaging.resume_imports",
            "messaging.resume_imports",
            queue="maintenance",
            interval=30,
            tick=True,
            description="starts again imports that have lost their process",
        )
        declare_schedule(
            "messaging.check_mail_domains",
            "messaging.check_mail_domains",
            queue="maintenance",
            rule="daily 06:00",
            missed="latest",
            description="asks DNS for SPF, DKIM and DMARC of every e-mail sender",
        )
        # By name: operations read models, which exist only once every app is loaded.
        register_handler = import_string("integrations.inbound.register_handler")
        register_handler(MessageEvent, "messaging", import_string("messaging.inbound.receive_events"))
