"""Accounts that were registered through the control API, kept beside the log: a sandbox that starts again knows them."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import orjson

from .complaints import complain


class AccountFile:
    """A small JSON file, rewritten whole at each registration."""

    def __init__(self, log: Path) -> None:
        self._path = log.with_name(f"{log.name}.accounts")
        self._kept: dict[str, dict[str, dict[str, Any]]] = {}
        with contextlib.suppress(OSError, orjson.JSONDecodeError):
            found = orjson.loads(self._path.read_bytes())
            if isinstance(found, dict):
                self._kept = found

    def registrations(self) -> list[tuple[str, dict[str, Any]]]:
        """(service, fields) of each registration, oldest first."""
        return [(service, fields) for service, accounts in self._kept.items() for fields in accounts.values()]

    def keep(self, service: str, name: str, fields: dict[str, Any]) -> None:
        """Keep the latest registration of one account. A file that cannot be written is only complained of."""
        self._kept.setdefault(service, {})[name] = fields
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            fresh.write_bytes(orjson.dumps(self._kept))
            fresh.replace(self._path)
        except OSError as error:
            complain(f"the accounts will be forgotten at the end: {error}")
