"""PostgreSQL's own programs for dumps: those of the wheel, else those of the PATH."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from agency.embedded.errors import ServersUnavailable
from agency.embedded.programs import find_programs

CHUNK = 1024 * 1024


class ProgramFailed(Exception):
    """pg_dump or pg_restore ended with an error; the text is its last line, which never holds a password."""


def program(name: str) -> Path:
    """pg_dump or pg_restore, of the version that the private servers have. Raises ProgramFailed."""
    try:
        own = find_programs().postgres_bin / name
    except ServersUnavailable:
        own = Path(name)
    found = own if own.is_file() else shutil.which(name)
    if found is None:
        raise ProgramFailed(f"{name} is not installed; it comes with PostgreSQL's client programs")
    return Path(found)


def dump(database: Mapping[str, Any]) -> Iterator[bytes]:
    """The database in PostgreSQL's custom format, as it comes. Raises ProgramFailed at its end when it is not whole."""
    command = [str(program("pg_dump")), "--format=custom", "--no-owner", "--no-privileges"]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, env=_environment(database))
        try:
            if process.stdout is not None:
                with process.stdout as content:
                    while piece := content.read(CHUNK):
                        yield piece
        except BaseException:
            process.kill()
            raise
        finally:
            ended = process.wait()
        if ended:
            raise ProgramFailed(_last_line(said))


def restore(database: Mapping[str, Any], path: Path, *, replace: bool) -> None:
    """Load a dump in one transaction: all of it or nothing. Raises ProgramFailed."""
    command = [str(program("pg_restore")), "--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]
    command += ["--clean", "--if-exists"] if replace else []
    with tempfile.TemporaryFile() as said:
        ended = subprocess.run(
            [*command, f"--dbname={database['NAME']}", str(path)],
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=_environment(database),
            check=False,
        )
        if ended.returncode:
            raise ProgramFailed(_last_line(said))


def _environment(database: Mapping[str, Any]) -> dict[str, str]:
    """How the programs reach the database; as variables, because arguments are seen by everybody on the machine."""
    named = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD", "PGDATABASE": "NAME"}
    found = {variable: str(database[name]) for variable, name in named.items() if database.get(name)}
    options = database.get("OPTIONS", {})
    found |= {f"PG{name.upper()}": str(options[name]) for name in ("sslmode", "sslrootcert") if name in options}
    return {"PATH": os.defpath, **found}


def _last_line(said: Any) -> str:
    said.seek(0)
    lines = said.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else "it ended without a word"
