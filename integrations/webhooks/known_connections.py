"""The connections that the door serves, in memory: no request waits for the database to learn whose it is."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

import psycopg

from integrations.connections import facts_of
from integrations.facts import ConnectionFacts
from integrations.models import Connection

logger = logging.getLogger(__name__)

REFRESH_SECONDS = 3.0  # a changed or disabled connection is noticed within this time
READ_SECONDS = 10.0  # after which a silent database counts as away
MISS_SECONDS = 0.25  # unknown keys cause at most one query in this time, however many they are
READ = "SELECT id, service, name, key, settings, sealed_secrets, source FROM integrations_connection WHERE enabled"

ConnectionRow = tuple[int, str, str, str, dict[str, object], bytes, str]


class KnownConnections:
    """Every enabled connection by its key. `read` fetches them all; secrets are opened on first use only."""

    def __init__(self, read: Callable[[], Awaitable[Sequence[ConnectionRow]]]) -> None:
        self._read = read
        self._rows: dict[str, ConnectionRow] = {}
        self._opened: dict[str, tuple[ConnectionRow, ConnectionFacts]] = {}
        self._read_at = -1e9
        self._refresh: asyncio.Task[None] | None = None

    async def find(self, service: str, key: str) -> ConnectionFacts | None:
        """The connection with this key, or None.

        Raises `NotConfigured` if its secrets cannot be opened, and `psycopg.Error`, `OSError` or `TimeoutError` if the
        connections were never read and cannot be.
        """
        age = time.monotonic() - self._read_at
        if key not in self._rows and age > MISS_SECONDS:
            await self._refreshed()
        elif age > REFRESH_SECONDS:
            self._start_refresh()
        row = self._rows.get(key)
        if row is None or row[1] != service:
            return None
        return self._facts(row)

    def _facts(self, row: ConnectionRow) -> ConnectionFacts:
        key = row[3]
        known = self._opened.get(key)
        if known is not None and known[0] == row:
            return known[1]
        identifier, service, name, key, settings, sealed, source = row
        facts = facts_of(
            Connection(
                id=identifier,
                service=service,
                name=name,
                key=key,
                settings=settings,
                sealed_secrets=sealed,
                source=source,
            )
        )
        self._opened[key] = row, facts
        return facts

    def _start_refresh(self) -> asyncio.Task[None]:
        if self._refresh is None or self._refresh.done():
            self._refresh = asyncio.get_running_loop().create_task(self._reread())
            self._refresh.add_done_callback(_report)
        return self._refresh

    async def _refreshed(self) -> None:
        """Read all rows once for everybody who waits. What was known before serves on if the database is away."""
        try:
            await asyncio.shield(self._start_refresh())
        except (psycopg.Error, TimeoutError, OSError):
            if self._read_at < 0:
                raise

    async def _reread(self) -> None:
        async with asyncio.timeout(READ_SECONDS):
            rows = await self._read()
        self._rows = {row[3]: row for row in rows}
        self._opened = {key: known for key, known in self._opened.items() if key in self._rows}
        self._read_at = time.monotonic()

    async def aclose(self) -> None:
        """Stop a refresh that is under way."""
        if self._refresh is not None and not self._refresh.done():
            self._refresh.cancel()
            await asyncio.gather(self._refresh, return_exceptions=True)


def _report(refresh: asyncio.Task[None]) -> None:
    if not refresh.cancelled() and (error := refresh.exception()) is not None:
        logger.warning("connections not read", extra={"error": type(error).__name__})
