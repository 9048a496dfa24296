"""Look at everything Batuta depends on and say what to do: `manage.py doctor`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser, no_translations

from agency.kit.health import Finding, Health, run_checks
from agency.kit.keys import fresh_keys

SIGNS = {Health.OK: "ok      ", Health.DEGRADED: "look    ", Health.FAILED: "FAILED  "}


class Command(BaseCommand):
    """Exit code 1 when something failed, so that scripts can ask too."""

    help = "Check every dependency and say what to do. `--keys` prints fresh keys for a production environment."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--keys", action="store_true", help="print fresh SECRET_KEY and ENCRYPTION_KEYS and end")

    @no_translations  # what it says is searched for in the documentation
    def handle(self, *args: Any, **options: Any) -> None:
        if options["keys"]:
            self.stdout.write(fresh_keys())
            return
        found = run_checks()
        for name, finding in found.items():
            self._show(name, finding)
        if any(finding.health == Health.FAILED for finding in found.values()):
            raise SystemExit(1)

    def _show(self, name: str, finding: Finding) -> None:
        self.stdout.write(f"{SIGNS[finding.health]}{name:<12} {finding.text}")
        if finding.todo:
            self.stdout.write(f"{'':<20} → {finding.todo}")
