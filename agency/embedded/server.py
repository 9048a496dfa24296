"""What PostgreSQL and Valkey have in common here: find the running one, else start it; stop it after checking who it is."""

import abc
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import psutil

from agency.embedded.errors import ServersUnavailable
from agency.embedded.home import Home, Purpose
from agency.embedded.records import (
    ServerRecord,
    is_running,
    lives,
    orphans_of,
    processes_in,
    read_record,
    record_process,
)

RECOVERY_SECONDS = 60.0  # how long a server that lives may take to answer: it may be replaying its log after a crash
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Answer:
    """A server answered and named our directory. `port` is its TCP port, 0 when it has none; `whole` says that nothing is missing in it."""

    pid: int
    port: int
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Silence:
    """No server of ours answered, and why. `worth_waiting` is False when waiting cannot help."""

    reason: str
    worth_waiting: bool = True


@dataclass(frozen=True)
class PrivateServer(abc.ABC):
    """One server of one purpose."""

    home: Home
    purpose: Purpose

    name: ClassVar[str]  # "PostgreSQL"
    program: ClassVar[str]  # the process name
    stop_signal: ClassVar[signal.Signals]  # the quickest stop that loses nothing

    @abc.abstractmethod
    def ask(self) -> Answer | Silence:
        """Ask the server itself, at its private address, which directory it serves."""

    @abc.abstractmethod
    def launch(self) -> None:
        """Make the directory if needed and start the server, in a session of its own. Only while none works in the directory."""

    def complete(self) -> None:
        """Add what a running server lacks before it can be used; nothing by default."""
        return

    @property
    def directory(self) -> Path:
        """The purpose's directory."""
        return self.home.purpose_path(self.purpose)

    @property
    def data_directory(self) -> Path:
        """The data directory."""
        return self.directory / self.program

    @property
    def log(self) -> Path:
        """The server's own log file."""
        return self.directory / "log" / f"{self.program}.log"

    @property
    def record_path(self) -> Path:
        """The file with pid, start time and data directory."""
        return self.directory / f"{self.program}.json"

    @property
    def password_path(self) -> Path:
        """The file with the generated password."""
        return self.directory / f"{self.data_directory.name}.password"

    def password(self) -> str:
        """The generated password; empty before the first start."""
        try:
            return self.password_path.read_text("utf-8")
        except OSError:
            return ""

    def recorded(self) -> ServerRecord | None:
        """What the file says, believed only as far as a live process bears it out."""
        record = read_record(self.record_path)
        return record if record and is_running(record, self.data_directory) else None

    def ensure(self) -> Answer:
        """The running server; it is started when there is none. Call it under the lock. Raises ServersUnavailable."""
        answer = self._await_answer()
        if answer is None:
            self._start()
            answer = self._await_answer()
        if answer is None:
            raise ServersUnavailable(f"{self.name} stopped right after its start. {self.explain()}")
        if not answer.whole:
            self.complete()
        record = record_process(answer.pid, self.data_directory)
        if record and record != read_record(self.record_path):
            self.home.write(self.record_path, record.to_json())
        return answer

    def stop(self) -> bool:
        """End the server when the file, or the server itself, says who it is. Returns whether one ran. Call it under the lock."""
        record = self.recorded()
        if record is None:
            answer = self.ask()
            record = record_process(answer.pid, self.data_directory) if isinstance(answer, Answer) else None
        if record is not None and is_running(record, self.data_directory):
            self._end(record)
        self.record_path.unlink(missing_ok=True)
        return record is not None

    def explain(self) -> str:
        """The end of the server's log, in a sentence that says what to do where that is known."""
        try:
            with self.log.open(encoding="utf-8", errors="replace") as file:
                lines = [line.strip() for line in deque(file, maxlen=3)]
        except OSError:
            return f"It wrote no log at {self.log}."
        text = " | ".join(lines)
        if "No space left on device" in text:
            return f"The disk at {self.home.path} is full. Free some space and try again."
        return f"Its log {self.log} ends with: {text}"

    def run(self, arguments: Sequence[str | Path], *, seconds: float) -> str:
        """Run one of the programs to its end as the servers' user and return what it printed.

        Raises ServersUnavailable with the program's own words when it fails.
        """
        account = self.home.account
        self.home.server_directory(self.data_directory)
        try:
            done = subprocess.run(
                [str(argument) for argument in arguments],
                cwd=self.data_directory,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=seconds,
                check=False,
                start_new_session=True,
                umask=0o077,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
        except subprocess.TimeoutExpired:
            raise ServersUnavailable(
                f"{self.name}: {Path(arguments[0]).name} did not end within {seconds:.0f} s. {self.explain()}"
            ) from None
        except (OSError, subprocess.SubprocessError) as error:
            who = f" as {account.name}" if account else ""
            raise ServersUnavailable(f"{self.name}: {arguments[0]} cannot be run{who} here ({error}).") from error
        if done.returncode != 0:
            said = " ".join(done.stdout.split())[-400:].rstrip(".")
            raise ServersUnavailable(f"{self.name}: {Path(arguments[0]).name} failed: {said}. {self.explain()}")
        return done.stdout

    def _await_answer(self) -> Answer | None:
        """The server's answer; None as soon as no process works in the directory. Waits while one lives and does not answer yet."""
        deadline = time.monotonic() + RECOVERY_SECONDS
        while True:
            answer = self.ask()
            if isinstance(answer, Answer):
                return answer
            living = processes_in(self.data_directory, self.program)
            if not living:
                return None
            if not answer.worth_waiting or time.monotonic() > deadline:
                raise ServersUnavailable(
                    f"A {self.name} (process {living[0].pid}) works in {self.data_directory} but does not answer as ours: {answer.reason}. "
                    f"End it with `kill {living[0].pid}` and try again."
                )
            time.sleep(_POLL_SECONDS)

    def _start(self) -> None:
        # What was deleted under a running server it serves to nobody; it would only keep a port and memory.
        _kill(orphans_of(self.data_directory, self.program))
        if self.log.is_file() and self.log.stat().st_size > 10_000_000:
            self.log.replace(self.log.with_suffix(".log.1"))
        self.launch()

    def _end(self, record: ServerRecord) -> None:
        """Signal the server and wait until it is gone; after a minute it is killed (both servers recover from that)."""
        process = psutil.Process(record.pid)
        for number, seconds in ((self.stop_signal, 60.0), (signal.SIGKILL, 10.0)):
            try:
                os.kill(record.pid, number)
            except ProcessLookupError:
                return
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                if not is_running(record, self.data_directory):
                    return
                time.sleep(_POLL_SECONDS)
        raise ServersUnavailable(f"{self.name} (process {process.pid}) does not end.")


def _kill(processes: Sequence[psutil.Process]) -> None:
    """Kill processes and wait until they are gone, ten seconds at most."""
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    deadline = time.monotonic() + 10
    while any(lives(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
