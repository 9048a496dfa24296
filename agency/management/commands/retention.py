"""`manage.py retention`: what is deleted after how many days; `--run NAME` does it now; `--write` and `--check` keep docs/retention.md."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from agency.kit.retention import declared_retentions
from agency.runners.retention import prune_records
from agency.selectors.retention import retention_page


class Command(BaseCommand):
    """Without options it lists the declarations."""

    help = "List how long records are kept; delete what is over its days; write or check docs/retention.md."

    def add_arguments(self, parser: CommandParser) -> None:
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--run", metavar="NAME", choices=[each.name for each in declared_retentions()])
        group.add_argument("--write", action="store_true", help="write docs/retention.md")
        group.add_argument("--check", action="store_true", help="fail if docs/retention.md is not fresh")

    def handle(self, *args: Any, **options: Any) -> None:
        page = Path(settings.BASE_DIR) / "docs" / "retention.md"
        if options["run"]:
            self.stdout.write(f"{options['run']}: {prune_records(name=options['run'])}")
        elif options["write"]:
            page.write_text(retention_page(), "utf-8")
            self.stdout.write("docs/retention.md written")
        elif options["check"]:
            if not page.is_file() or page.read_text("utf-8") != retention_page():
                raise CommandError("docs/retention.md is not fresh: run `make docs`.")
        else:
            for each in declared_retentions():
                self.stdout.write(f"{each.name}: {settings.KEEP_DAYS[each.name]} days. {each.what}.")
