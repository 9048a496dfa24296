"""`manage.py backup`: the database, and once a week the media, into every store of the agency."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agency.kit.actor import Actor
from integrations.database_programs import ProgramFailed
from integrations.errors import IntegrationError
from integrations.runners.backups import make_backup


class Command(BaseCommand):
    """The same as the daily schedule does."""

    help = "Back up the database (and media) into the bucket backups of every store."

    def add_arguments(self, parser: CommandParser) -> None:
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--media", action="store_true", help="with media, also when a week has not gone")
        group.add_argument("--no-media", action="store_true", help="without media, also when a week has gone")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was made. Exit 1 when nothing was."""
        with_media = True if options["media"] else False if options["no_media"] else None
        try:
            self.stdout.write(make_backup(actor=Actor.system("integrations.backup"), with_media=with_media))
        except (IntegrationError, ProgramFailed, OSError) as error:
            raise CommandError(str(error)) from error
