"""`manage.py storage prepare`: the buckets that files are kept in, made in every store of the agency."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.errors import IntegrationError
from integrations.runners.stores import prepare_stores


class Command(BaseCommand):
    """May be run as often as one likes: what is there stays, only expiry and access are set anew."""

    help = "Make the buckets of the agency's stores (connections of the service s3), with their expiry."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=("prepare",))

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line a bucket. Exit 1 when a store cannot be used."""
        try:
            for line in prepare_stores():
                self.stdout.write(line)
        except IntegrationError as error:
            raise CommandError(str(error)) from error
