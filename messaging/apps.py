"""The send engine, and whom, from whom and what it sends."""

from django.apps import AppConfig
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from agency.kit.references import declare_erasure, declare_reference
from agency.kit.retention import declare_retention
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
            description=gettext_noop("opens waves for waiting jobs"),
        )
        declare_schedule(
            "messaging.sweep",
            "messaging.sweep_jobs",
            queue="critical",
            interval=10,
            tick=True,
            description=gettext_noop("sets going again what made no progress"),
        )
        declare_schedule(
            "messaging.resume_imports",
            "messaging.resume_imports",
            queue="maintenance",
            interval=30,
            tick=True,
            description=gettext_noop("starts again imports that have lost their process"),
        )
        declare_schedule(
            "messaging.check_mail_domains",
            "messaging.check_mail_domains",
            queue="maintenance",
            rule="daily 06:00",
            missed="latest",
            description=gettext_noop("asks DNS for SPF, DKIM and DMARC of every e-mail sender"),
        )
        for column, target in (("recipient_id", "Recipient"), ("job_id", "SendJob")):
            declare_reference("messaging.DeliveryEvent", column, f"messaging.{target}")
        declare_reference("messaging.DeliveryEvent", "connection_id", "integrations.Connection")
        declare_reference("messaging.MessageReference", "recipient_id", "messaging.Recipient")
        declare_reference("messaging.MessageReference", "connection_id", "integrations.Connection")
        declare_reference("messaging.Message", "recipient_id", "messaging.Recipient")
        declare_reference("messaging.SendJob", "sender_ids", "messaging.Sender", many=True)
        declare_reference("messaging.JobTotal", "job_id", "messaging.SendJob")
        declare_reference("messaging.Tally", "job_id", "messaging.SendJob")
        declare_erasure("messaging.Contact", "erase_contact")
        declare_retention(
            "delivery_events",
            model="messaging.DeliveryEvent",
            piece="messaging.operations.retention.prune_delivery_events",
            what=gettext_noop("Single delivery reports of messages"),
            why="the recipient keeps what came of it; older reports lose only the times of each step and the codes beside them",
            rule="daily 03:20",
        )
        declare_retention(
            "message_references",
            model="messaging.MessageReference",
            piece="messaging.operations.retention.prune_message_references",
            what=gettext_noop("Provider ids under which delivery reports find their message"),
            why="no provider reports on a message later than that; the recipient keeps the id too",
            rule="daily 03:25",
        )
        declare_retention(
            "waves",
            model="messaging.Wave",
            piece="messaging.operations.retention.prune_waves",
            what=gettext_noop("Closed waves of send jobs"),
            why="they say how a job was cut up, which is of use only while somebody looks into its speed",
            rule="daily 03:30",
        )
        declare_retention(
            "import_files",
            model="messaging.ContactImport",
            piece="messaging.operations.retention.prune_import_files",
            what=gettext_noop(
                "Uploaded contact files and their lists of rejected rows (files; the import with its counts stays)"
            ),
            why="they hold people's data a second time; so long the rejected rows can be fetched",
            rule="daily 03:35",
            limit=500,
        )
        # By name: operations read models, which exist only once every app is loaded.
        register_receiver = import_string("integrations.inbound.register_receiver")
        register_receiver(MessageEvent, "messaging", import_string("messaging.inbound.receive_events"))
