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
    checkout was moved, and one whose directory was deleted under it.
    """
    found = [
        process
        for process in psutil.process_iter(["name", "status", "create_time"])
        if process.info["name"] == program
        and process.info["status"] != psutil.STATUS_ZOMBIE
        and works_in(process, data_directory)
    ]
    return sorted(found, key=lambda process: (process.info["create_time"], process.pid))


def works_in(process: psutil.Process, directory: Path) -> bool:
    """Whether the process has `directory` as its working directory, or had it when the directory was deleted."""
    try:
        place = process.cwd()
    except psutil.Error:
        return False
    if place.removesuffix(" (deleted)") == str(directory):
        return True
    return same_directory(place, directory)


def same_directory(one: str, other: Path) -> bool:
    """Whether both paths lead to the same existing directory."""
    try:
        return other.samefile(one)
    except OSError:
        return False
