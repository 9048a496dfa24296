"""`python manage.py sandbox`: imitated external services on this machine."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from integrations.sandbox.main import add_arguments, run


class Command(BaseCommand):
    """Runs the sandbox until Ctrl-C."""

    help = "Imitates the external services over HTTP and SMTP: nothing it does is real."
    requires_system_checks: list[str] = []  # it needs no database and must start while there is none

    def add_arguments(self, parser: CommandParser) -> None:
        """See `integrations.sandbox.main`."""
        add_arguments(parser)

    def handle(self, *arguments: Any, **options: Any) -> None:
        """Run; the exit code is the sandbox's."""
        sys.exit(run(options))
