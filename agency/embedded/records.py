"""What is remembered of a started server, and whether a process of this machine still is that server."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

_CLOCK_TOLERANCE = 2.0  # seconds; start times are computed from the boot time, which follows clock corrections


@dataclass(frozen=True, slots=True)
class ServerRecord:
    """One running server: process id, start time of that process (seconds since 1970), data directory."""

    pid: int
    started: float
    data_directory: str

    def to_json(self) -> str:
        """The file's text."""
        return json.dumps(asdict(self), indent=1) + "\n"


def read_record(path: Path) -> ServerRecord | None:
    """The record in a file; None when there is none or it is not whole (written halfway, overwritten, of another version)."""
    try:
        found = json.loads(path.read_text("utf-8"))
        return ServerRecord(
            pid=int(found["pid"]), started=float(found["started"]), data_directory=str(found["data_directory"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def record_process(pid: int, data_directory: Path) -> ServerRecord | None:
    """A record of the live process `pid`; None when it is gone."""
    try:
        return ServerRecord(pid, psutil.Process(pid).create_time(), str(data_directory))
    except psutil.Error:
        return None


def is_running(record: ServerRecord, data_directory: Path) -> bool:
    """Whether the recorded process lives, is the same one (a reused pid has another start time) and works in our directory."""
    try:
        process = psutil.Process(record.pid)
        if process.status() == psutil.STATUS_ZOMBIE or abs(process.create_time() - record.started) > _CLOCK_TOLERANCE:
            return False
    except psutil.Error:
        return False
    return works_in(process, data_directory)


def processes_in(data_directory: Path, program: str) -> list[psutil.Process]:
    """Live processes of that program whose working directory is the data directory, the oldest first: a server and its children.

    A working directory follows the directory when it is renamed, and a command line does not; so this also finds a server whose
    checkout was moved.
    """
    return [process for process in _live_processes(program) if works_in(process, data_directory)]


def orphans_of(data_directory: Path, program: str) -> list[psutil.Process]:
    """Live processes of that program whose working directory was the data directory until it was deleted under them (seen on Linux)."""
    return [process for process in _live_processes(program) if _link(process) == f"{data_directory} (deleted)"]


def works_in(process: psutil.Process, directory: Path) -> bool:
    """Whether the process has `directory` as its working directory."""
    if psutil.LINUX:
        # The link leads to the directory itself; its text, which psutil reads, may name another that was made at the same place.
        return same_directory(f"/proc/{process.pid}/cwd", directory)
    try:
        return same_directory(process.cwd(), directory)
    except psutil.Error:
        return False


def lives(process: psutil.Process) -> bool:
    """Whether a process still runs. One that ended and that nobody collected yet (a container's first process may be slow) does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def same_directory(one: str, other: Path) -> bool:
    """Whether both paths lead to the same existing directory."""
    try:
        return other.samefile(one)
    except OSError:
        return False


def _live_processes(program: str) -> list[psutil.Process]:
    found = [
        process
        for process in psutil.process_iter(["name", "status", "create_time"])
        if process.info["name"] == program and process.info["status"] != psutil.STATUS_ZOMBIE
    ]
    return sorted(found, key=lambda process: (process.info["create_time"], process.pid))


def _link(process: psutil.Process) -> str:
    """What Linux says about the working directory; empty when the process is gone or somebody else's, and elsewhere."""
    try:
        return str(Path(f"/proc/{process.pid}/cwd").readlink())
    except OSError:
        return ""
