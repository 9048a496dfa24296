"""`make up`: the whole platform on this machine with demo records, until Ctrl-C."""

import secrets
import signal
import time
from types import FrameType
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from agency.kit.actor import Actor
from agency.operations.accounts import renew_local_login
from agency.processes import PortInUse, require_free_port
from campaigns.outreach.demo.platform import (
    LOGS,
    PlatformNotReady,
    PlatformRefused,
    only_platform,
    running_platform,
)
from campaigns.outreach.demo.records import lasting_stage
from integrations.sandbox.runner import SandboxDidNotStart

DIRECTOR = "demo"
EMAIL = "demo@localhost.example"


class Stop(Exception):
    """Somebody asked for the end."""


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise Stop


class Command(BaseCommand):
    """Starts web, worker, two senders, two Beats and the sandbox; prints where to look and how to sign in; ends all of it on Ctrl-C."""

    help = "Run the whole platform locally with demo records; Ctrl-C stops all of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--sandbox-port", type=int, default=8400)
        parser.add_argument("--time-scale", type=float, default=60.0, help="the sandbox's delays are divided by this")
        parser.add_argument(
            "--empty-queues", action="store_true", help="drop the messages in the queues of the Redis in REDIS_URL"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with only_platform(empty_queues=options["empty_queues"]):
                self._run(options)
        except PlatformRefused as error:
            raise CommandError(str(error)) from error

    def _run(self, options: dict[str, Any]) -> None:
        console = Console(highlight=False)
        try:
            require_free_port(options["port"])
            require_free_port(options["sandbox_port"])
        except PortInUse as error:
            raise CommandError(str(error)) from error
        call_command("migrate", verbosity=0)
        call_command("sync_schedules", verbosity=0, stdout=self.stderr)
        password = secrets.token_urlsafe(12)
        renew_local_login(actor=Actor.system("up"), username=DIRECTOR, email=EMAIL, password=password)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _stop)
        try:
            with running_platform(
                port=options["port"], sandbox_port=options["sandbox_port"], time_scale=options["time_scale"], beats=2
            ) as platform:
                lasting_stage(platform)
                console.print(f"\nBatuta runs.\n  Pages    {platform.url}/admin/\n  Sign in  {DIRECTOR} / {password}")
                console.print(
                    f"  API      {platform.url}/api/openapi.json\n  Sandbox  {platform.sandbox.url}/  (phones and what arrived on them)"
                )
                console.print(f"  Logs     {LOGS}\nCtrl-C stops all of it.")
                while True:
                    for name in platform.group.revive():
                        console.print(f"{name} had ended and was started again; its log is {LOGS / name}.log")
                    time.sleep(1)
        except Stop:
            console.print("Stopped.")
        except (PlatformNotReady, SandboxDidNotStart) as error:
            raise CommandError(str(error)) from error
