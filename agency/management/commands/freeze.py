"""`manage.py freeze on --why …`: nothing is sent for anybody any more; `freeze off` lets everything go on; `freeze status` says how it is."""

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from agency.operations.freeze import freeze_sending, lift_freeze
from agency.selectors.freeze import current_freeze


class Command(BaseCommand):
    """Asks nothing back: whoever needs it is in a hurry."""

    help = "Stop every outside effect of every client at once, or let them go on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("switch", choices=("on", "off", "status"))
        parser.add_argument("--why", default="", help="the reason; with `on` everybody reads it on every page")

    @no_translations  # refusals in the language of the other lines
    def handle(self, *args: Any, **options: Any) -> None:
        actor = Actor(f"command:{_name()}")
        before = current_freeze()
        try:
            if options["switch"] == "on":
                freeze_sending(actor=actor, why=options["why"])
            elif options["switch"] == "off":
                lift_freeze(actor=actor, why=options["why"])
        except OperationRefused as refusal:
            raise CommandError(f"{refusal.text} Use --why.") from refusal
        freeze = current_freeze()
        if freeze is None:
            self.stdout.write("Sending goes on where it stood." if before else "Nothing is frozen.")
        else:
            self.stdout.write(
                f"Frozen since {freeze.began_at:%Y-%m-%d %H:%M:%S} UTC by {freeze.began_by}: {freeze.why}"
            )


def _name() -> str:
    """Who is at the machine; a container may know no name for its user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
