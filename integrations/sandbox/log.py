"""The provider's side of the truth: one JSON line for each message the sandbox accepted, and for each other write.

A line is written before the answer leaves: whoever was told "accepted" is in the file, whatever is killed after that.
The ledger checker compares this file with our own rows (`engine.md`: lost, duplicated).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

WRITE_MARK = b'{"kind":"write",'


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One accepted message. `at` is in seconds since the epoch; `digest` is the SHA-256 of the request's body."""

    number: int
    at: float
    service: str
    account: str
    sender: str
    to: str
    reference: str
    idempotency_key: str
    provider_id: str
    digest: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Write:
    """Something else that a client changed at a service: a campaign made, a page updated, an object stored.

    Its line begins with its kind; acceptances have none. `number` counts writes only, `text` is the beginning of what was
    written, `digest` the SHA-256 of all of it.
    """

    number: int
    at: float
    service: str
    account: str
    operation: str
    reference: str
    idempotency_key: str
    provider_id: str
    digest: str
    text: str


def body_digest(body: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(body).hexdigest()


class AcceptanceLog:
    """Appends acceptances to a file. Raises OSError when the file cannot be written: then nothing was accepted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.last_number = 0
        self.last_write = 0
        for line, _ in _lines(path, 0):
            if isinstance(line, Write):
                self.last_write = line.number
            else:
                self.last_number = line.number
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        size = os.fstat(self._file).st_size
        if size and not _ends_with_newline(path, size):
            size += os.write(self._file, b"\n")
        self.size = size

    def append(self, acceptance: Acceptance) -> None:
        """Write one line in one system call; the page cache outlives any process that is killed."""
        self._append(orjson.dumps(acceptance, option=orjson.OPT_APPEND_NEWLINE))
        self.last_number = acceptance.number

    def append_write(self, write: Write) -> None:
        """The same for what is no message."""
        self._append(WRITE_MARK + orjson.dumps(write, option=orjson.OPT_APPEND_NEWLINE)[1:])
        self.last_write = write.number

    def _append(self, line: bytes) -> None:
        try:
            written = os.write(self._file, line)
            while written < len(line):
                written += os.write(self._file, line[written:])
        except OSError:
            os.ftruncate(self._file, self.size)  # no half line: the disk may have room again for the next one
            raise
        self.size += len(line)

    def clear(self) -> None:
        """Empty the file; numbers go on."""
        os.ftruncate(self._file, 0)
        self.size = 0

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def read_acceptances(path: Path | str, offset: int = 0) -> Iterator[Acceptance]:
    """Every acceptance in the log from a byte offset on, oldest first; none when there is no file.

    A last line without its end (the sandbox itself was killed while writing it) was never answered and is left out.
    """
    for acceptance, _ in read_with_offsets(path, offset):
        yield acceptance


def read_with_offsets(path: Path | str, offset: int = 0) -> Iterator[tuple[Acceptance, int]]:
    """As `read_acceptances`, each with the offset after it."""
    for entry, after in _lines(path, offset):
        if isinstance(entry, Acceptance):
            yield entry, after


def read_writes(
    path: Path | str, offset: int = 0, *, service: str = "", operation: str = ""
) -> Iterator[tuple[Write, int]]:
    """Every other write from a byte offset on, oldest first, each with the offset after it; perhaps of one service only."""
    for entry, after in _lines(path, offset):
        if isinstance(entry, Write) and service in ("", entry.service) and operation in ("", entry.operation):
            yield entry, after


def _lines(path: Path | str, offset: int) -> Iterator[tuple[Acceptance | Write, int]]:
    try:
        file = Path(path).open("rb")  # noqa: SIM115 -- closed by the `with` below
    except FileNotFoundError:
        return
    with file:
        file.seek(offset)
        for line in file:
            offset += len(line)
            if not line.endswith(b"\n"):
                return
            try:
                fields = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            yield Write(**fields) if fields.pop("kind", "") else Acceptance(**fields), offset


def _ends_with_newline(path: Path, size: int) -> bool:
    with path.open("rb") as file:
        file.seek(size - 1)
        return file.read(1) == b"\n"
