"""`manage.py new_integration NAME`: the folder of a new service with its failing tests; docs/adding-a-service.md goes on from there."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.manifest import Category
from integrations.skeleton.writing import Blueprint, CannotWrite, read_operations, write_service

SUITES = "tests/integrations/services tests/integrations/webhooks tests/integrations/test_manifests.py"


class Command(BaseCommand):
    """Writes files and nothing else."""

    help = "Write the folder of a new service, its sandbox and its failing tests (docs/adding-a-service.md)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """What the service is."""
        parser.add_argument("name", help="the slug: lower case, such as telegram")
        parser.add_argument("--title", help="as people call it; default: the name with a capital")
        parser.add_argument("--category", choices=[each.value for each in Category], required=True)
        parser.add_argument("--operation", action="append", default=[], metavar="NAME:reads|sets|creates")
        parser.add_argument("--webhook", action="store_true", help="the service reports to us")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write, and say what is next."""
        slug = str(options["name"])
        try:
            service = Blueprint(
                slug=slug,
                title=options["title"] or slug.replace("_", " ").title(),
                category=Category(options["category"]),
                operations=read_operations(options["operation"]),
                has_webhook=options["webhook"],
            )
            written = write_service(Path(settings.BASE_DIR), service)
        except CannotWrite as error:
            raise CommandError(str(error)) from None
        for path in written:
            self.stdout.write(str(path.relative_to(settings.BASE_DIR)))
        self.stdout.write(f'Now: .venv/bin/python -m pytest {SUITES} -k "{slug} or manifest"')
