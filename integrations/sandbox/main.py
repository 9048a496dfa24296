"""Starting the sandbox as a process of its own: `python manage.py sandbox` or `python -m integrations.sandbox`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import importlib
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import orjson
import uvloop

from .behaviour import Shares
from .complaints import complain
from .imitation import Imitation
from .server import Sandbox
from .world import SandboxSettings, World

READY = "sandbox ready"


def imitation_classes() -> list[type[Imitation]]:
    """Every imitated service, found by its folder: `IMITATIONS` in `integrations/<service>/sandbox.py`.

    Not through the registry: manifests have words in the reader's language, and here Django is not set up.
    """
    found: list[type[Imitation]] = []
    for path in sorted(Path(__file__).resolve().parents[1].glob("*/sandbox.py")):
        if path.with_name("manifest.py").exists():
            found += importlib.import_module(f"integrations.{path.parent.name}.sandbox").IMITATIONS
    return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8400, help="HTTP port; 0 takes a free one")
    parser.add_argument("--smtp-port", type=int, default=8425, help="SMTP port; 0 takes a free one")
    parser.add_argument("--seed", default="batuta", help="the same seed: the same people do the same")
    parser.add_argument(
        "--time-scale", type=float, default=60.0, help="provider seconds that pass in one real second (default 60)"
    )
    parser.add_argument("--log", type=Path, default=None, help="file for accepted messages (JSON lines, appended)")
    parser.add_argument("--webhooks-to", default="", help="send every webhook to this scheme and host")
    parser.add_argument("--shares", default="{}", help='JSON, such as {"failed": 0.1, "read": 0.5}')
    parser.add_argument("--real-limits", action="store_true", help="enforce the providers' own rate limits")


def settings_from(options: dict[str, Any]) -> SandboxSettings:
    """Settings from parsed options. Raises ValueError with a sentence for the person at the terminal."""
    if not options["time_scale"] > 0:
        raise ValueError("--time-scale must be above 0")
    if options["webhooks_to"] and not options["webhooks_to"].startswith(("http://", "https://")):
        raise ValueError("--webhooks-to must start with http:// or https://")
    try:
        changes = orjson.loads(options["shares"])
    except orjson.JSONDecodeError as error:
        raise ValueError(f"--shares is not JSON: {error}") from error
    log = options["log"] or Path(tempfile.mkdtemp(prefix="batuta-sandbox-")) / "acceptances.jsonl"
    return SandboxSettings(
        log=log.resolve(),
        host=options["host"],
        port=options["port"],
        smtp_port=options["smtp_port"],
        seed=options["seed"],
        time_scale=options["time_scale"],
        webhooks_to=options["webhooks_to"],
        shares=Shares().changed(changes),
        real_limits=options["real_limits"],
    )


async def serve(settings: SandboxSettings) -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError when a port is taken or the log cannot be written."""
    # Many small objects live long here (messages, schedules): searching them for cycles ever again costs a third more.
    gc.set_threshold(50_000, 50, 50)
    world = World(settings)
    sandbox = Sandbox(world, [imitation_class(world) for imitation_class in imitation_classes()])
    await sandbox.start()
    here = f"{settings.host}:{sandbox.server.port}"
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, ended.set)
    sys.stdout.write(
        f"{READY} http://{here} {sandbox.services['smtp'].address(here)} log={settings.log}\n"
        "Nothing here is real: no message leaves this machine.\n"
    )
    sys.stdout.flush()
    try:
        await ended.wait()
    finally:
        await sandbox.stop()


def run(options: dict[str, Any]) -> int:
    """Run the command; returns the exit code, and says in a sentence what is wrong."""
    try:
        settings = settings_from(options)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, contextlib.suppress(KeyboardInterrupt):
            runner.run(serve(settings))
    except ValueError as error:
        complain(str(error))
        return 2
    except OSError as error:
        complain(
            f"{error.strerror or error}. Is another sandbox running (choose --port and --smtp-port), "
            "or can the --log file not be written?"
        )
        return 1
    return 0
