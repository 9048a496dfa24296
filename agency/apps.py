"""The agency's own records, and the Django project."""

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from agency.kit.health import register_check
from agency.kit.metrics import register_source
from agency.kit.retention import declare_retention
from agency.kit.schedules import declare_schedule
from agency.kit.secrecy import mask_secrets

# Name: (decides /readyz, title on the home page, the checks without which there is nothing to look at)
CHECKS: dict[str, tuple[bool, Any, tuple[str, ...]]] = {
    "database": (True, _("Database"), ()),
    "redis": (True, _("Message broker"), ()),
    "queues": (True, _("Queues"), ("redis",)),
    "workers": (False, _("Workers"), ("redis",)),
    "migrations": (False, "", ("database",)),
    "clock": (False, "", ("database", "redis")),
    "keys": (False, "", ()),
    "disk": (False, "", ()),
}


class AgencyConfig(AppConfig):
    name = "agency"
    verbose_name = _("Agency")

    def ready(self) -> None:
        """Declare schedules and checks. Roles follow the code after each `migrate` of whichever app: its permissions are made just before."""
        mask_secrets([settings.SECRET_KEY, *settings.ENCRYPTION_KEYS, settings.EMAIL_HOST_PASSWORD])
        post_migrate.connect(
            import_string("agency.operations.roles.sync_roles_after_migrate"), dispatch_uid="sync_roles"
        )
        for name, (ready, title, needs) in CHECKS.items():
            check = import_string(f"agency.selectors.health.check_{name}")
            register_check(name, check, ready=ready, title=title, needs=needs)
        check_references = import_string("agency.selectors.references.check_references")
        register_check("references", check_references, needs=("database",))
        register_check(
            "freeze", import_string("agency.selectors.freeze.check_freeze"), needs=("database", "migrations")
        )
        register_source(import_string("agency.selectors.health.queue_gauges"))
        declare_retention(
            "answers",
            model="agency.IdempotencyRecord",
            piece="agency.operations.idempotency.forget_old_answers",
            what=gettext_noop("Answers kept for repeated API requests"),
            why="so long a repeated request with the same Idempotency-Key has no second effect",
            rule="daily 04:10",
        )
        declare_retention(
            "task_results",
            model="django_celery_results.TaskResult",
            piece="agency.operations.retention.prune_task_results",
            what=gettext_noop("Results of tasks, and of groups of tasks"),
            why="somebody who looks into an error of last week still finds it",
            rule="daily 04:20",
        )
        declare_retention(
            "sessions",
            model="sessions.Session",
            piece="agency.operations.retention.prune_sessions",
            what=gettext_noop("Sessions that have ended, and what a person's list of sessions says of them"),
            why="they hold addresses of people and browsers and are of no more use",
            rule="daily 04:30",
        )
        declare_schedule(
            "agency.verify_references",
            "agency.verify_references",
            queue="maintenance",
            rule="daily 02:30",
            missed="latest",
            description=gettext_noop("looks for rows that point at records which do not exist"),
        )
        for queue in settings.QUEUES:
            declare_schedule(
                f"agency.canary.{queue}",
                "agency.canary",
                queue=queue,
                tick=True,
                interval=30,
                expires=60,
                description=f"proves that the queue {queue} is consumed",
            )
