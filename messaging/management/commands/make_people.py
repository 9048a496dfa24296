"""`python manage.py make_people --rows 20000 --out people.csv`: invented people for a demonstration or a measurement."""

import datetime
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from messaging.demo.people import write_people

MAX_ROWS = 10_000_000


class Command(BaseCommand):
    """Writes the file; no database is needed."""

    help = (
        "Write a file of invented people: names from Faker, purchases from a real data set, the same ones every time."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Rows, file and the day the purchases end."""
        parser.add_argument("--rows", type=int, required=True, help="how many people")
        parser.add_argument("--out", type=Path, required=True, help="file to write, .csv or .xlsx")
        parser.add_argument(
            "--until", type=datetime.date.fromisoformat, help="day of the last purchases (default: today)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Write and say so."""
        rows, out = options["rows"], options["out"]
        if not 1 <= rows <= MAX_ROWS:
            raise CommandError(f"--rows must be between 1 and {MAX_ROWS:,}.")
        if out.suffix.lower() == ".xlsx" and rows > 1_048_575:
            raise CommandError("An Excel sheet holds at most 1,048,575 people; write .csv instead.")
        try:
            write_people(out, rows, options["until"] or timezone.localdate())
        except OSError as error:
            raise CommandError(f"{out} cannot be written: {error.strerror}.") from error
        self.stdout.write(f"{rows:,} people written to {out}")
