"""`manage.py check_integrations`: manifests against folders, docs/services.md against manifests, connections live."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from agency.kit.actor import Actor
from integrations.catalogue import services_page
from integrations.completeness import problems
from integrations.health import HealthState
from integrations.models import Connection
from integrations.runners.watching import check_all_connections
from integrations.selectors.overview import service_lines


class Command(BaseCommand):
    """Without options it tests every connection in use, five seconds each, and fails when one does not work; `--check` and `--write` need no database."""

    help = "Check the integrations: manifests, the generated docs/services.md, and every enabled connection."

    def add_arguments(self, parser: CommandParser) -> None:
        """Choose what to check."""
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--check", action="store_true", help="fail if manifests or docs/services.md are not right")
        group.add_argument("--write", action="store_true", help="write docs/services.md")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line per finding; exit 1 when something is wrong."""
        page = Path(settings.BASE_DIR) / "docs" / "services.md"
        if options["write"]:
            page.parent.mkdir(exist_ok=True)
            page.write_text(services_page(), "utf-8")
            self.stdout.write("docs/services.md written")
        found = problems()
        if options["check"] and (not page.is_file() or page.read_text("utf-8") != services_page()):
            found.append("docs/services.md is not fresh: run python manage.py check_integrations --write")
        if not options["check"] and not options["write"]:
            found += self._unhealthy()
        for line in found:
            self.stderr.write(line)
        if found:
            raise CommandError(f"{len(found)} problem(s)")
        self.stdout.write("integrations: all right")

    def _unhealthy(self) -> list[str]:
        """Test all at the same time and print the same as the admin's page. What does not work, one line each."""
        checked = check_all_connections(actor=Actor.system("integrations.check_integrations"))
        latencies = {each.connection.pk: each.latency_ms for each in checked}
        for line in service_lines(Connection.objects.select_related("client")):
            usage = [f"quota left: {line.usage.quota_left}"] if line.usage.quota_left else []
            usage += [f"cost today: {amount} {currency}" for currency, amount in line.usage.cost_today.items()]
            self.stdout.write(" · ".join([f"{line.manifest.title} ({line.manifest.slug}): {line.state.value}", *usage]))
            for connection in line.connections:
                if connection.pk in latencies:
                    milliseconds = latencies[connection.pk]
                    took = "" if milliseconds is None else f" in {milliseconds} ms"
                    self.stdout.write(f"  {connection}: {connection.health}{took} {connection.health_text}".rstrip())
        return [f"{each.connection}: {each.health.text}" for each in checked if each.health.state is HealthState.FAILED]
