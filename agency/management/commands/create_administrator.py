"""Make the first account: `manage.py create_administrator EMAIL`, password from the prompt or standard input."""

import getpass
import secrets
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from agency.operations.accounts import create_administrator


class Command(BaseCommand):
    """The password is never an argument, so it is in no shell history and no process list."""

    help = "Create an administrator. The password is asked for, or read from standard input."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="")
        parser.add_argument(
            "--print-random-password",
            action="store_true",
            help="make up a password and print it; for a local demonstration only",
        )

    @no_translations  # refusals in the language of the other lines
    def handle(self, *args: Any, **options: Any) -> None:
        random = options["print_random_password"]
        password = secrets.token_urlsafe(12) if random else self._read_password()
        try:
            user = create_administrator(
                actor=Actor.system("create_administrator"),
                email=options["email"],
                password=password,
                name=options["name"],
            )
        except OperationRefused as refusal:
            raise CommandError(refusal.text) from refusal
        self.stdout.write(f"{user.email} can sign in." + (f" Password: {password}" if random else ""))

    def _read_password(self) -> str:
        if not sys.stdin.isatty():
            return sys.stdin.readline().rstrip("\n")
        password = getpass.getpass("Password: ")
        if password != getpass.getpass("Password again: "):
            raise CommandError("The two passwords differ.")
        return password
