"""`manage.py answer_search`: the searches that wait for a person, and what somebody found."""

import getpass
import sys
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from integrations.capabilities.search import open_searches
from integrations.models import ManualSearch
from integrations.operations.searches import answer_search


class Command(BaseCommand):
    """Without a number it lists what waits; with one it reads a JSON list of results from standard input."""

    help = "List the searches that no service answered, or answer one with a JSON list of objects on standard input."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", nargs="?", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit 1 when the number or the list is wrong."""
        if options["number"] is None:
            for each in open_searches():
                self.stdout.write(
                    f"{each.pk}  {each.engine}  {orjson.dumps(each.question).decode()}  {each.client or ''}"
                )
            return
        try:
            rows = orjson.loads(sys.stdin.read())
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise CommandError("Standard input must be a JSON list of objects.")
            actor = Actor(f"command:{getpass.getuser()}")
            answer_search(actor=actor, search_id=options["number"], rows=rows)
        except ManualSearch.DoesNotExist as error:
            raise CommandError(f"There is no search {options['number']}.") from error
        except orjson.JSONDecodeError as error:
            raise CommandError(f"Standard input is not JSON: {error}.") from error
        except OperationRefused as refusal:
            raise CommandError(refusal.text) from refusal
        self.stdout.write(f"{len(rows)} results kept.")
