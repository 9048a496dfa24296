"""The directory of one checkout's private servers: who owns it, what lies where, who may run at a time."""

import base64
import hashlib
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from agency.embedded.errors import ServersUnavailable
from agency.embedded.programs import Programs, check_this_platform, copy_programs, find_programs

if sys.platform != "win32":
    import fcntl
    import pwd

Purpose = Literal["main", "test", "test2", "faults"]
PURPOSES: tuple[Purpose, ...] = ("main", "test", "test2", "faults")
TEST_PURPOSES: tuple[Purpose, ...] = (
    "test",
    "test2",
)  # one for each test process, so that none sees another's messages

_ROOT_HOME = Path("/var/lib/batuta")
_LOCK_SECONDS = 180.0
_NEEDED_BYTES = 400 * 1024 * 1024  # an empty cluster of each purpose with its write-ahead log
_LONGEST_SOCKET_PATH = 100  # bytes; the kernel's limit is 108 on Linux and 104 on macOS


@dataclass(frozen=True, slots=True)
class Account:
    """The system user that the servers run as, when it is not the one that runs this."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Home:
    """Everything of one checkout. As root it is /var/lib/batuta/<hash of the checkout's path>, else `.batuta/` in the checkout.

    PostgreSQL refuses to run as root, and the user `nobody`, who runs it then, may not be able to reach the checkout or the virtual
    environment (a clone below `mktemp -d`). So data and a copy of the binaries lie where that user gets without any mode being changed.
    """

    checkout: Path

    @cached_property
    def account(self) -> Account | None:
        """`nobody` when this runs as root, else None."""
        if os.geteuid() != 0:
            return None
        try:
            entry = pwd.getpwnam("nobody")
        except KeyError:
            raise ServersUnavailable(
                "This runs as root and there is no user `nobody` to run PostgreSQL as. Run it as an ordinary user, "
                "or set DATABASE_URL and REDIS_URL to servers of your own."
            ) from None
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)

    @cached_property
    def path(self) -> Path:
        """The directory all of this is in."""
        if os.geteuid() != 0:
            return self.checkout / ".batuta"
        return _ROOT_HOME / hashlib.sha256(os.fsencode(self.checkout)).hexdigest()[:12]

    def purpose_path(self, purpose: Purpose) -> Path:
        """The directory of one purpose: data, logs, passwords, records."""
        return self.path / purpose

    def sockets(self, purpose: Purpose) -> Path:
        """The directory, 0700, of one purpose's unix sockets; its path is short enough for a socket address."""
        path = self.purpose_path(purpose) / "s"
        if len(os.fsencode(path / ".s.PGSQL.5432")) <= _LONGEST_SOCKET_PATH:
            return path
        digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"batuta-{os.geteuid()}-{digest}"

    @cached_property
    def programs(self) -> Programs:
        """The executables to run: those in the wheels, or as root a copy that `nobody` can reach."""
        check_this_platform()
        if self.account is None:
            return find_programs()
        return copy_programs(self._own_directory(self.path / "programs", 0o755))

    def prepare(self, purpose: Purpose) -> None:
        """Make the directories of one purpose. Raises ServersUnavailable when the place is not writable or nearly full."""
        try:
            self._prepare_home()
            self._own_directory(self.purpose_path(purpose), 0o711)
            self.server_directory(self.purpose_path(purpose) / "log")
            sockets = self.server_directory(self.sockets(purpose))
        except OSError as error:
            raise ServersUnavailable(
                f"The private servers cannot live in {self.path}: {error.strerror or error}."
            ) from error
        owner = self.account.uid if self.account else os.geteuid()
        if sockets.is_symlink() or sockets.stat().st_uid != owner:
            raise ServersUnavailable(
                f"{sockets} belongs to somebody else; remove it or use a shorter path for the checkout."
            )
        check_space(self.path, _NEEDED_BYTES)

    def server_directory(self, path: Path) -> Path:
        """Make a directory, 0700, that belongs to the user the servers run as."""
        self._own_directory(path, 0o700)
        if self.account and path.stat().st_uid != self.account.uid:
            os.chown(path, self.account.uid, self.account.gid)
        return path

    def write(self, path: Path, text: str, *, readers: Literal["me", "server"] = "me") -> None:
        """Put a whole file in place at once, readable for its owner and, with `readers="server"`, for the servers' user."""
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if readers == "server" and self.account:
                os.fchown(descriptor, 0, self.account.gid)
                os.fchmod(descriptor, 0o640)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)

    def secret(self, name: str) -> str:
        """A random secret of 32 bytes in url-safe base64 (also a Fernet key), made on first use and the same ever after."""
        path = self.path / "secrets" / name
        if not path.is_file():
            self._prepare_home()
            with self.lock():
                if not path.is_file():
                    self._own_directory(path.parent, 0o700)
                    self.write(path, base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
        return path.read_text("utf-8")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the checkout's one file lock; a second command waits for the first, up to three minutes."""
        self._prepare_home()
        with (self.path / "lock").open("a") as file:
            deadline = time.monotonic() + _LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise ServersUnavailable(
                            f"Another command has been starting or stopping the private servers of {self.checkout} for "
                            f"{_LOCK_SECONDS:.0f} s (lock {self.path / 'lock'}). End it and try again."
                        ) from None
                    time.sleep(0.02)
            yield

    def _prepare_home(self) -> None:
        """Make the home itself, and its note which checkout it belongs to (only the hash would not say)."""
        if self.path.is_dir():
            return
        check_this_platform()
        try:
            if self.account:
                self._own_directory(_ROOT_HOME, 0o755)
            self._own_directory(self.path, 0o711 if self.account else 0o700)
            self.write(self.path / "checkout", f"{self.checkout}\n")
        except OSError as error:
            raise ServersUnavailable(
                f"The private servers cannot live in {self.path}: {error.strerror or error}."
            ) from error

    @staticmethod
    def _own_directory(path: Path, mode: int) -> Path:
        """Make a directory with exactly this mode, whatever the umask; one that exists keeps its mode."""
        try:
            path.mkdir(mode=mode)
        except FileExistsError:
            return path
        path.chmod(mode)
        return path


def check_space(path: Path, needed: int) -> None:
    """Raise ServersUnavailable when the file system of `path` has fewer than `needed` bytes free."""
    free = shutil.disk_usage(path).free
    if free < needed:
        raise ServersUnavailable(
            f"The disk is full: {free // 1_048_576} MB are free at {path}, and the private servers need "
            f"{needed // 1_048_576} MB. Free some space and try again."
        )
