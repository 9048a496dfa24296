"""The Django application `integrations`."""

import sys

from celery.signals import task_postrun
from django.apps import AppConfig
from django.core.signals import request_finished
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
        register_check(
            "sandbox",
            import_string("integrations.selectors.sandbox.check_sandbox"),
            title=_("Sandbox"),
            needs=("database", "migrations"),
        )
        for name, task, minutes, what in (
            ("checks", "integrations.check_connections", 5, gettext_noop("tests every connection to a service")),
            ("tokens", "integrations.renew_tokens", 10, gettext_noop("renews accesses of services before they end")),
            (
                "polls",
                "integrations.poll_services",
                5,
                gettext_noop("asks services for what their webhooks may have lost"),
            ),
            ("backups", "integrations.watch_backups", 10, gettext_noop("looks for a good backup of the last 26 hours")),
            ("uploads", "integrations.upload_waiting", 1, gettext_noop("uploads files that no store would take")),
        ):
            declare_schedule(
                f"integrations.{name}",
                task,
                queue="maintenance",
                interval=60 * minutes,
                expires=60 * minutes,
                tick=True,
                description=what,
            )
        declare_schedule(
            "integrations.expiries",
            "integrations.watch_expiries",
            queue="maintenance",
            rule="daily 08:00",
            missed="latest",
            description=gettext_noop("tells of certificates and accesses that end within 30, 7 or 1 days"),
        )
        declare_schedule(
            "integrations.backup",
            "integrations.make_backup",
            queue="maintenance",
            rule="daily 02:40",
            missed="latest",
            description=gettext_noop("backs the database up, once a week with media, into every store"),
        )
        declare_reference("integrations.ConnectionCheck", "connection_id", "integrations.Connection")
        declare_retention(
            "connection_checks",
            model="integrations.ConnectionCheck",
            piece="integrations.operations.retention.prune_connection_checks",
            what=gettext_noop("Checks of connections, one every five minutes each"),
            why="long enough to see when a service began to falter; alerts keep the episodes themselves",
            rule="daily 03:17",
        )
        declare_reference("integrations.InboundEvent", "connection_id", "integrations.Connection")
        declare_reference("integrations.ApiCall", "connection_id", "integrations.Connection")
        task_postrun.connect(_write_ledger, dispatch_uid="integrations.ledger")
        request_finished.connect(_write_ledger, dispatch_uid="integrations.ledger")
        declare_retention(
            "api_calls",
            model="integrations.ApiCall",
            piece="integrations.operations.api_calls.prune_api_calls",
            what=gettext_noop("Single calls of outside services"),
            why="two months are compared on the page of costs; older sums stand in its monthly totals",
            rule="daily 03:20",
        )
        declare_retention(
            "inbound_events",
            model="integrations.InboundEvent",
            piece="integrations.operations.retention.prune_inbound_events",
            what=gettext_noop("Webhook deliveries that were acted upon or ignored, with their bodies"),
            why="they hold people's addresses and texts; what they said stands in the records; until then they can be replayed",
            rule="daily 03:10",
        )
        declare_retention(
            "chain_attempts",
            model="integrations.ChainAttempt",
            piece="integrations.operations.chains.prune_chain_attempts",
            what=gettext_noop("Attempts of fallback chains"),
            why="they show which service stood in for which; what was created stands in its own record",
            rule="daily 03:25",
        )
        declare_retention(
            "model_requests",
            model="integrations.ModelRequest",
            piece="integrations.operations.model_requests.prune_model_requests",
            what=gettext_noop("Answers of language models"),
            why="what was made of them stands in its own record; what still waits for a person is never deleted",
            rule="daily 03:35",
        )
        declare_retention(
            "search_answers",
            model="integrations.SearchAnswer",
            piece="integrations.operations.searches.prune_search_answers",
            what=gettext_noop("Answers of search services"),
            why="they answer the same question for a day, and stand in for a service that is away; what is older misleads",
            rule="daily 03:27",
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


def _write_ledger(**kwargs: object) -> None:
    """Write the calls a task or a request has made. Looked up when something was called at all, so that others pay nothing."""
    ledger = sys.modules.get("integrations.calling.ledger")
    if ledger is not None:
        ledger.write_out()
