"""`python manage.py import_contacts FILE --client SLUG`: the importer for a terminal or a script.

Exit codes: 0 the file was imported (rejected rows, if any, are in the file named at the end); 1 the import failed;
2 file, client or mapping cannot be used.
"""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import phonenumbers
from django.core.management.base import BaseCommand, CommandError, no_translations
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput
from agency.models import Client
from messaging.models import ContactImport
from messaging.operations.imports import create_import
from messaging.runners.import_contacts import run_import
from messaging.runners.import_progress import ImportProgress, Phase
from messaging.states import ImportState, RejectReason

_PHASES = {Phase.READING: "reading", Phase.MERGING: "merging", Phase.WRITING: "finishing"}


class Command(BaseCommand):
    """Imports in this process, with a progress bar on a terminal and plain lines elsewhere."""

    help = "Import contacts from a CSV or XLSX file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """File, client, and what the detection cannot know."""
        parser.add_argument("file", type=Path, help="CSV or XLSX; told by content")
        parser.add_argument("--client", required=True, help="slug of the client the contacts belong to")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, write nothing")
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="COLUMN=FIELD",
            help="what a column means, e.g. --map 'Fone 2=phone', --map 'Obs=ignored', --map 'Loja=attribute:store'",
        )
        parser.add_argument(
            "--country", default="", help="default country of phones (ISO 3166), instead of the client's"
        )

    @no_translations  # reasons and refusals in the language of the other lines
    def handle(self, *args: Any, **options: Any) -> None:
        """Check, import, report."""
        country = options["country"].upper()
        if country and country not in phonenumbers.SUPPORTED_REGIONS:
            raise CommandError(f"{country} is no country. Give two letters, for example BR.", returncode=2)
        client = Client.objects.filter(slug=options["client"]).first()
        if client is None:
            known = ", ".join(Client.objects.values_list("slug", flat=True)[:20]) or "none yet"
            raise CommandError(f"There is no client “{options['client']}”. Clients: {known}.", returncode=2)
        file: Path = options["file"].resolve()
        try:
            record = create_import(
                client=client,
                path=file,
                file_name=file.name,
                mapping=_read_mapping(options["map"]),
                dry_run=options["dry_run"],
                actor=Actor.system("command.import_contacts"),
                country=country,
                start=False,
            )
        except InvalidInput as error:
            raise CommandError(error.text, returncode=2) from error
        done = self._run(record)
        if done is None or done.state != ImportState.DONE:
            raise CommandError(done.error if done else "The import is being run by another process.", returncode=1)
        self._report(done)

    def _run(self, record: ContactImport) -> ContactImport | None:
        if not sys.stdout.isatty():
            return run_import(record.pk, on_progress=self._print_line)
        columns = (
            TextColumn("{task.description:>10}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,}/s"),
            TimeRemainingColumn(),
        )
        with Progress(*columns) as bar:
            task = bar.add_task("reading", total=1.0, rows=0, rate=0)

            def show(progress: ImportProgress) -> None:
                bar.update(
                    task,
                    description=_PHASES[progress.phase],
                    completed=progress.share,
                    rows=progress.rows,
                    rate=progress.rows_per_second,
                )

            done = run_import(record.pk, on_progress=show)
            bar.update(task, completed=1.0)
        return done

    def _print_line(self, progress: ImportProgress) -> None:
        remaining = int(progress.seconds / max(progress.share, 0.01) * (1 - progress.share))
        self.stdout.write(
            f"{_PHASES[progress.phase]}: {progress.share:.0%}, {progress.rows:,} rows,"
            f" {progress.rows_per_second:,} rows/s, {remaining} s left"
        )
        self.stdout.flush()

    def _report(self, done: ContactImport) -> None:
        what = "Nothing was written (dry run). The file would give" if done.dry_run else "Imported"
        self.stdout.write(
            f"{what}: {done.rows:,} rows = {done.created:,} created + {done.updated:,} updated"
            f" + {done.unchanged:,} unchanged + {done.merged:,} duplicates merged + {done.rejected:,} rejected"
        )
        if done.started_at and done.finished_at:
            seconds = (done.finished_at - done.started_at).total_seconds()
            self.stdout.write(f"{seconds:.1f} s, {done.rows_per_second:,} rows/s")
        for reason, number in done.rejected_reasons.items():
            self.stdout.write(f"  {number:,} rows: {RejectReason(reason).label}")
        if done.rejected_path:
            self.stdout.write(f"Rejected rows: {done.rejected_path}")


def _read_mapping(pairs: list[str]) -> dict[str, str]:
    mapping = {}
    for pair in pairs:
        header, sign, field = pair.rpartition("=")
        if not sign or not header:
            raise CommandError(f"--map {pair}: write COLUMN=FIELD.", returncode=2)
        mapping[header] = field
    return mapping
