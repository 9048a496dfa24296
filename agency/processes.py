"""The platform's processes on one machine, for `manage.py up`, the demo, the scenario tests and the fault suite.

Each process leads a session of its own, so that ending one ends its children, and only what was started here is ever ended.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[1]
STOP_SECONDS = 25.0
CELERY = (sys.executable, "-m", "celery", "--app", "agency")
QUIET = ("--without-gossip", "--without-mingle", "--loglevel", "INFO")


class PortInUse(RuntimeError):
    """Another program listens on the port; the text says which and what to do."""


def free_port() -> int:
    """A TCP port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require_free_port(port: int) -> None:
    """Raises `PortInUse` when something listens there already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortInUse(
                f"Port {port} is in use. Stop what listens there, or choose another with --port."
            ) from error


def web_command(port: int) -> tuple[str, ...]:
    """The web process: pages, API, live updates and the webhook door."""
    return (
        *(sys.executable, "-m", "uvicorn", "agency.asgi:application", "--host", "127.0.0.1", "--port", str(port)),
        *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"),
    )


def worker_command(name: str, queues: Sequence[str], processes: int) -> tuple[str, ...]:
    """A Celery worker of these queues."""
    return (
        *CELERY,
        "worker",
        "--queues",
        ",".join(queues),
        "--concurrency",
        str(processes),
        "--hostname",
        f"{name}@%h",
        *QUIET,
    )


def beat_command() -> tuple[str, ...]:
    """One Beat; two are safe."""
    return (*CELERY, "beat", "--loglevel", "INFO", "--pidfile", "")


@dataclass(slots=True)
class RunningProcess:
    """One process as it was started."""

    name: str
    command: tuple[str, ...]
    popen: "subprocess.Popen[bytes]"
    log: Path
    restarts: int = 0

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.popen.poll() is None


@dataclass(slots=True)
class ProcessGroup:
    """Processes that start and end together. `environment` is added to this process's own."""

    logs: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    running: dict[str, RunningProcess] = field(default_factory=dict)

    def start(self, name: str, command: Sequence[str]) -> RunningProcess:
        """Start a process; its output goes to `<logs>/<name>.log`."""
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{name}.log"
        with log.open("ab") as output:
            popen = subprocess.Popen(
                list(command),
                cwd=ROOT,
                env={**os.environ, **self.environment, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        known = self.running.get(name)
        process = RunningProcess(name, tuple(command), popen, log, known.restarts + 1 if known else 0)
        self.running[name] = process
        return process

    def kill(self, name: str) -> None:
        """SIGKILL a process and its children, as a crash would."""
        process = self.running[name]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.popen.pid, signal.SIGKILL)
        process.popen.wait()

    def restart(self, name: str) -> RunningProcess:
        """Start an ended process again with the same command."""
        return self.start(name, self.running[name].command)

    def revive(self) -> list[str]:
        """Restart whatever has ended by itself, as systemd would. Returns the names."""
        ended = [name for name, process in self.running.items() if not process.alive]
        for name in ended:
            self.restart(name)
        return ended

    def stop(self) -> None:
        """End all: politely first, then for good. Safe to call twice."""
        alive = [process for process in self.running.values() if process.alive]
        for process in alive:
            with contextlib.suppress(ProcessLookupError):
                process.popen.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in alive:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.popen.wait(max(0.1, deadline - time.monotonic()))
        for process in self.running.values():
            # The leader may be gone and a child not: the session's group is ended either way.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.popen.pid, signal.SIGKILL)
            process.popen.wait()


@contextlib.contextmanager
def process_group(
    logs: Path, environment: Mapping[str, str] | None = None, *, fresh_logs: bool = True
) -> Iterator[ProcessGroup]:
    """A group that is ended when the block is left, however it is left."""
    if fresh_logs and logs.exists():
        shutil.rmtree(logs)
    group = ProcessGroup(logs, dict(environment or {}))
    with ended_by_signals():
        try:
            yield group
        finally:
            group.stop()


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end this program the way an exception does, so that nothing it started outlives it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, _end)
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is signal.SIG_DFL
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
