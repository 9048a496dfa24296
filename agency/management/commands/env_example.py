"""`manage.py env_example --write|--check`: keep `.env.example` equal to the environment that the code declares."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agency.settings.environment import BASE_DIR
from agency.settings.example import example_text

PATH = BASE_DIR / ".env.example"


class Command(BaseCommand):
    """Needs no server."""

    help = "Write .env.example, or fail when it is not fresh."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        group = parser.add_mutually_exclusive_group(required=True)
        group.add_argument("--write", action="store_true", help="write the file")
        group.add_argument("--check", action="store_true", help="fail when it differs")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["write"]:
            PATH.write_text(example_text(), "utf-8")
            self.stdout.write(f"{PATH.name} written")
        elif not PATH.is_file() or PATH.read_text("utf-8") != example_text():
            raise CommandError(".env.example is not fresh: run `make docs`")
