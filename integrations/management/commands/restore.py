"""`manage.py restore`: the newest backup, or a named one, into an empty database."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from integrations.database_programs import ProgramFailed
from integrations.errors import IntegrationError
from integrations.runners.restoring import NotEmpty, backups_in, restore_backup, stores


class Command(BaseCommand):
    """Reads the store from S3_… variables where they are set, so that it works on a server that has nothing yet."""

    help = "Load a backup into an empty database; into one with tables only with --replace."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("stamp", nargs="?", default="", help="such as 20261121T031500Z; the newest if not given")
        parser.add_argument("--list", action="store_true", help="only say which there are")
        parser.add_argument("--database-url", default="", help="another database than DATABASE_URL")
        parser.add_argument("--replace", action="store_true", help="drop the tables that the database holds")
        parser.add_argument("--media", action="store_true", help="the media too, into MEDIA_ROOT")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was done. Exit 1 when nothing was."""
        try:
            if options["list"]:
                for number, store in enumerate(stores(), start=1):
                    self.stdout.writelines(f"store {number}: {stamp}" for stamp in backups_in(store))
                return
            url = options["database_url"]
            found = restore_backup(
                database=_named(url) if url else connection.settings_dict,
                stamp=options["stamp"],
                replace=options["replace"],
                media=Path(settings.MEDIA_ROOT) if options["media"] else None,
            )
        except NotEmpty as error:
            raise CommandError(f"The database holds {error} tables. --replace drops them first.") from error
        except (IntegrationError, ProgramFailed, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{found} is restored. Read “Backup and restore” in docs/operations.md before senders start.")


def _named(url: str) -> dict[str, Any]:
    """The parts of a database's URL as Django names them. Raises CommandError, which never shows the URL: it holds a password."""
    try:
        found = conninfo_to_dict(url)
    except ProgrammingError:
        raise CommandError("--database-url is written like postgresql://user:password@host:port/name.") from None
    names = {"HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password", "NAME": "dbname"}
    options = {name: found[name] for name in ("sslmode", "sslrootcert") if name in found}
    return {name: str(found.get(word) or "") for name, word in names.items()} | {"OPTIONS": options}
