"""`manage.py sync_schedules`: after migrations, at each deployment."""

from typing import Any

from django.core.management.base import BaseCommand

from automations.operations.sync import sync_schedules


class Command(BaseCommand):
    """Turns declared schedules into rows, keeping what people changed."""

    help = "Create, update or switch off the rows of all declared schedules; what people changed stays."

    def handle(self, *args: Any, **options: Any) -> None:
        """Sync and print one line a group."""
        report = sync_schedules()
        for name in ("created", "updated", "removed", "kept"):
            keys = getattr(report, name)
            if keys:
                self.stdout.write(f"{name}: {', '.join(keys)}")
        self.stdout.write(f"schedules in step: {len(report.unchanged) + len(report.updated) + len(report.created)}")
