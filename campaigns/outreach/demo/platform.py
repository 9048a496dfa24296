"""The platform on this machine: the processes of the Procfile, with the sandbox in the place of the providers."""

import contextlib
import fcntl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import redis
from celery import current_app
from django.conf import settings
from django.core.cache import cache

from agency.kit.health import CANARY_KEY
from agency.processes import ProcessGroup, beat_command, free_port, process_group, web_command, worker_command
from integrations.sandbox.runner import RunningSandbox, running_sandbox

SENDERS = ("sender-1", "sender-2")
WORKER_QUEUES = ("critical", "beat", "webhooks", "bulk", "maintenance")
READY_SECONDS = 90.0
LOGS = Path(settings.BASE_DIR) / ".batuta" / "logs"


class PlatformNotReady(RuntimeError):
    """A process ended, or the platform did not answer in time; the text names the log to read."""


class PlatformRefused(RuntimeError):
    """It would disturb another platform; the text says what to do. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Platform:
    """A running platform."""

    url: str
    group: ProcessGroup
    sandbox: RunningSandbox


@contextlib.contextmanager
def only_platform(*, empty_queues: bool) -> Iterator[None]:
    """For `make up` and `make demo`: one of them at a time in a checkout, for they share queues, logs and the sandbox's log; and on a
    Redis that was given, queues that hold messages are emptied only with consent. Raises `PlatformRefused` before anything is changed.
    """
    folder = LOGS.parent
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "platform.lock").open("a") as lock:  # the system lets go of it however this process ends
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PlatformRefused(
                "`make up` or `make demo` already runs in this checkout. End it with Ctrl-C where it runs, then try again."
            ) from None
        if not (settings.REDIS_IS_PRIVATE or empty_queues):
            require_empty_queues()
        yield


def require_empty_queues() -> None:
    """Raises `PlatformRefused` when a queue of the broker holds messages, which may be another installation's work."""
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        waiting = {queue: cast(int, broker.llen(queue)) for queue in settings.QUEUES}
    held = ", ".join(f"{queue} {number}" for queue, number in waiting.items() if number)
    if held:
        raise PlatformRefused(
            f"The Redis that REDIS_URL names holds messages of Batuta ({held}), perhaps of another installation. Name another Redis "
            "or another database number in REDIS_URL, or drop these messages with --empty-queues."
        )


@contextlib.contextmanager
def running_platform(
    *, port: int = 0, time_scale: float = 60.0, beats: int = 1, sandbox_port: int = 0, logs: Path = LOGS
) -> Iterator[Platform]:
    """Start everything, wait until it answers, and end all of it with the block. Raises `PlatformNotReady`."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    log = logs.parent / "sandbox.jsonl"
    log.unlink(missing_ok=True)  # each run is compared with what was accepted in it
    with (
        own_queues(),
        running_sandbox(time_scale=time_scale, webhooks_to=url, port=sandbox_port, log=log) as sandbox,
    ):
        environment = {"PUBLIC_BASE_URL": url, "SANDBOX_URL": sandbox.url}
        with process_group(logs, environment) as group:
            group.start("web", web_command(port))
            group.start("worker", worker_command("worker", WORKER_QUEUES, 2))
            for name in SENDERS:
                group.start(name, worker_command(name, ("send",), 1))
            for number in range(1, beats + 1):
                group.start(f"beat-{number}", beat_command())
            call_canaries()
            wait_until_ready(group, url)
            try:
                yield Platform(url, group, sandbox)
            finally:
                with contextlib.suppress(OSError):
                    sandbox.control.hold_webhooks()  # the web process ends first; nobody complains about what it cannot take


@contextlib.contextmanager
def own_queues() -> Iterator[None]:
    """Queues empty before and after: what a run left is its own, and the next one on these servers need not ask."""
    forget_messages()
    try:
        yield
    finally:
        with contextlib.suppress(redis.RedisError, OSError):
            forget_messages()


def forget_messages() -> None:
    """Drop nudges left in the broker by an earlier run (in a given one only after `only_platform`).

    The rows are the work, and ticks of yesterday are worth nothing.
    """
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        broker.delete(*settings.QUEUES)
    cache.delete_many([CANARY_KEY.format(queue=queue) for queue in settings.QUEUES])


def call_canaries() -> None:
    """Send a canary to every queue now, so that readiness does not wait for Beat's next ones."""
    for queue in settings.QUEUES:
        current_app.send_task("agency.canary", queue=queue)


def wait_until_ready(group: ProcessGroup, url: str) -> None:
    """Wait until the web process and a canary of every queue answer. Raises `PlatformNotReady`."""
    deadline = time.monotonic() + READY_SECONDS
    answer = "no answer"
    while time.monotonic() < deadline:
        for process in group.running.values():
            if not process.alive:
                raise PlatformNotReady(f"{process.name} ended while starting; see {process.log}")
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5) as response:  # noqa: S310 -- our own loopback address
                if response.status == 200:
                    return
        except urllib.error.HTTPError as error:
            answer = error.read(2_000).decode("utf-8", "replace")
        except OSError as error:
            answer = str(error)
        time.sleep(0.3)
    raise PlatformNotReady(
        f"the platform was not ready after {READY_SECONDS:.0f} s; /readyz says: {answer}; logs are in {group.logs}"
    )
