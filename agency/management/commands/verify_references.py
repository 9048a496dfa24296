"""`manage.py verify_references`: rows of hot tables whose contact, sender, recipient or connection is gone. Exit 1 when there are any."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agency.kit.references import Reference
from agency.runners.references import look_through
from agency.selectors.references import PIECE, Piece, loose_references, named


class Command(BaseCommand):
    """The same look as Beat's every night, at once and with a line a reference."""

    help = "Find rows that hold the id of a record which does not exist, in bounded pieces."

    def add_arguments(self, parser: CommandParser) -> None:
        names = [reference.name for reference in loose_references()]
        parser.add_argument("--only", default="", choices=names, metavar="NAME", help=f"one of {', '.join(names)}")
        parser.add_argument("--size", type=int, default=PIECE, help="rows looked at by one statement")

    def handle(self, *args: Any, **options: Any) -> None:
        rows: dict[str, int] = {}
        examples: dict[str, list[int]] = {}

        def count(reference: Reference, piece: Piece) -> None:
            rows[reference.name] = rows.get(reference.name, 0) + piece.rows
            examples.setdefault(reference.name, []).extend(piece.examples)

        references = named(loose_references(), options["only"])
        found = look_through(references, size=max(options["size"], 1), on_piece=count)
        for reference in references:
            orphans = found.get(reference.name, 0)
            ids = ", ".join(map(str, examples[reference.name][:5]))
            tail = f" without {reference.target}: {ids}{', …' if orphans > 5 else ''}" if orphans else " orphans"
            self.stdout.write(f"{reference.name}: {rows[reference.name]} rows, {orphans}{tail}")
        if found:
            raise CommandError(f"{sum(found.values())} rows point at nothing.")
