"""Storing deliveries many at a time: one INSERT, one commit for all that arrived within five milliseconds.

The caller waits for the commit, so an answer of 200 means stored. A delivery that is known already, from today or
yesterday, counts as stored. Rows go in key order, so two writers never wait for each other in a circle.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import psycopg

from integrations.webhooks.database import AsyncConnection

logger = logging.getLogger(__name__)

BATCH = 500  # deliveries in one commit
BATCH_BYTES = 8 * 1024 * 1024
GATHER_SECONDS = 0.005
WRITERS = 2  # commits under way at once
WRITE_SECONDS = 10.0
MAX_WAITING = 5_000  # beyond this the provider is asked to come back later
MAX_WAITING_BYTES = 64 * 1024 * 1024

STORE = """
INSERT INTO integrations_inboundevent
    (received_on, service, connection_id, provider_event_id, content_type, query, body)
SELECT today.day, given.*
FROM (SELECT (now() AT TIME ZONE 'UTC')::date AS day) AS today,
     unnest(%b::text[], %b::bigint[], %b::text[], %b::text[], %b::text[], %b::bytea[])
         AS given (service, connection_id, provider_event_id, content_type, query, body)
WHERE NOT EXISTS (
    SELECT FROM integrations_inboundevent AS known
    WHERE known.received_on = today.day - 1
      AND known.connection_id = given.connection_id AND known.provider_event_id = given.provider_event_id)
ORDER BY given.connection_id, given.provider_event_id
ON CONFLICT (received_on, connection_id, provider_event_id) DO NOTHING
"""


class StoreUnavailable(Exception):
    """The database is away or too slow; nothing is known to be stored, so the provider should send it again."""


class Unstorable(Exception):
    """PostgreSQL refuses this very delivery."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One verified delivery, ready to be stored."""

    service: str
    connection_id: int
    provider_event_id: str
    content_type: str
    query: str
    body: bytes = field(repr=False)


Waiting = tuple[Delivery, asyncio.Future[None]]


class GroupCommit:
    """Gathers deliveries and writes them. Belongs to one event loop.

    `on_stored` is called after each commit with how many were new and how many were known.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[AsyncConnection]], on_stored: Callable[[int, int], None]
    ) -> None:
        self._connect = connect
        self._on_stored = on_stored
        self._waiting: list[Waiting] = []
        self._waiting_bytes = 0  # of everything not answered yet, gathered or being written
        self._unanswered = 0
        self._timer: asyncio.TimerHandle | None = None
        self._writes: set[asyncio.Task[None]] = set()
        self._idle: list[AsyncConnection] = []

    async def store(self, delivery: Delivery) -> None:
        """Return when the delivery is committed or known. Raises `StoreUnavailable` or `Unstorable`."""
        if self._unanswered >= MAX_WAITING or self._waiting_bytes >= MAX_WAITING_BYTES:
            raise StoreUnavailable("too many deliveries wait")
        loop = asyncio.get_running_loop()
        stored: asyncio.Future[None] = loop.create_future()
        self._waiting.append((delivery, stored))
        self._unanswered += 1
        self._waiting_bytes += len(delivery.body)
        if self._timer is None:
            self._timer = loop.call_later(GATHER_SECONDS, self._ring)
        if len(self._waiting) >= BATCH:
            self._ring()
        try:
            await stored
        finally:
            self._unanswered -= 1
            self._waiting_bytes -= len(delivery.body)

    def _ring(self) -> None:
        """Start writing what has gathered, if a writer is free; else the next writer to finish rings again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting and len(self._writes) < WRITERS:
            write = asyncio.get_running_loop().create_task(self._write(self._take()))
            self._writes.add(write)
            write.add_done_callback(self._written)

    def _take(self) -> list[Waiting]:
        size = count = 0
        for delivery, _ in self._waiting[:BATCH]:
            size += len(delivery.body)
            if count and size > BATCH_BYTES:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    def _written(self, write: asyncio.Task[None]) -> None:
        self._writes.discard(write)
        if self._waiting and self._timer is None:
            self._ring()

    async def _write(self, batch: list[Waiting]) -> None:
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                new, refused = await self._insert([delivery for delivery, _ in batch])
        except (psycopg.Error, TimeoutError, OSError) as error:
            logger.warning("webhooks not stored", extra={"number": len(batch), "error": type(error).__name__})
            failure = StoreUnavailable(type(error).__name__)
            for _, stored in batch:
                if not stored.done():
                    stored.set_exception(failure)
            return
        except asyncio.CancelledError:
            for _, stored in batch:
                stored.cancel()
            raise
        for place, (_, stored) in enumerate(batch):
            if stored.done():
                continue
            if place in refused:
                stored.set_exception(Unstorable(refused[place]))
            else:
                stored.set_result(None)
        self._on_stored(new, len(batch) - new - len(refused))

    async def _insert(self, deliveries: Sequence[Delivery]) -> tuple[int, dict[int, str]]:
        """Write all; (how many were new, why at the places refused). A connection that died idle is replaced once."""
        if self._idle:
            connection = self._idle.pop()
            try:
                return await self._insert_on(connection, deliveries)
            except psycopg.OperationalError:
                pass  # the server restarted since; nothing can be stored twice
        return await self._insert_on(await self._connect(), deliveries)

    async def _insert_on(
        self, connection: AsyncConnection, deliveries: Sequence[Delivery]
    ) -> tuple[int, dict[int, str]]:
        new, refused = 0, dict[int, str]()
        try:
            try:
                new = await _insert_rows(connection, deliveries)
            except psycopg.DataError:
                for place, delivery in enumerate(deliveries):
                    try:
                        new += await _insert_rows(connection, [delivery])
                    except psycopg.DataError as error:
                        refused[place] = type(error).__name__
        except BaseException:
            await connection.close()
            raise
        self._idle.append(connection)
        return new, refused

    async def aclose(self) -> None:
        """Write what waits, then close every connection."""
        while self._waiting or self._writes:
            self._ring()
            await asyncio.gather(*self._writes, return_exceptions=True)
        while self._idle:
            await self._idle.pop().close()


async def _insert_rows(connection: AsyncConnection, deliveries: Sequence[Delivery]) -> int:
    columns = (
        [each.service for each in deliveries],
        [each.connection_id for each in deliveries],
        [each.provider_event_id for each in deliveries],
        [each.content_type for each in deliveries],
        [each.query for each in deliveries],
        [each.body for each in deliveries],
    )
    cursor = await connection.execute(STORE, columns)
    return cursor.rowcount
