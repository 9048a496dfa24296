"""`make demo`: twenty thousand people are messaged, counted and accounted for, with a crash on the way."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from agency.processes import PortInUse
from campaigns.outreach.demo.platform import PlatformNotReady, PlatformRefused, only_platform, running_platform
from campaigns.outreach.demo.records import end_earlier_demos
from campaigns.outreach.demo.show import CAMPAIGN_SECONDS, MAX_UNKNOWN, PEOPLE, Show
from integrations.sandbox.runner import SandboxDidNotStart


class Command(BaseCommand):
    """Runs the platform with the sandbox as the world outside, sends one campaign, and exits 0 only when everybody is accounted for."""

    help = "Send to 20,000 people at the sandbox, kill a sender on the way, and account for everybody."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--people", type=int, default=PEOPLE)
        parser.add_argument(
            "--time-scale", type=float, default=60.0, help="delays of delivered, read and replies are divided by this"
        )
        parser.add_argument(
            "--empty-queues", action="store_true", help="drop the messages in the queues of the Redis in REDIS_URL"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with only_platform(empty_queues=options["empty_queues"]):
                self._show(options)
        except PlatformRefused as error:
            raise CommandError(str(error)) from error

    def _show(self, options: dict[str, Any]) -> None:
        console = Console()
        show = Show(console, people=options["people"])
        begun = datetime.now(UTC)
        call_command("migrate", verbosity=0)
        call_command("sync_schedules", verbosity=0, stdout=self.stderr)
        end_earlier_demos()
        folder = Path(settings.BASE_DIR) / ".batuta"
        folder.mkdir(exist_ok=True)
        show.say("Starting the platform: web, worker, two senders, Beat, and the sandbox in the place of WhatsApp …")
        try:
            with running_platform(time_scale=options["time_scale"]) as platform:
                result = show.run(platform, folder)
        except (PlatformNotReady, PortInUse, SandboxDidNotStart) as error:
            raise CommandError(str(error)) from error
        show.account(result)
        show.say(
            f"Done in {(datetime.now(UTC) - begun).total_seconds():.0f} s; the campaign took {result.campaign_seconds:.0f} s."
        )
        if not result.finished:
            raise CommandError(
                f"the campaign did not end within {CAMPAIGN_SECONDS} s; is this machine busy with other work?"
            )
        if not result.passed:
            raise CommandError(
                f"the demo did not pass: everybody must be final, nothing lost or twice, and at most {MAX_UNKNOWN} unknown"
            )
