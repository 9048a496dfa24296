"""The webhook door: a small ASGI application before Django. It verifies, stores, answers 200 and nothing else.

`/webhooks/<service>/<connection key>`; whatever else is asked goes to the application behind it. Nothing here waits for
the ORM or for a worker: deliveries are committed many at a time, and acted upon by `integrations.dispatch_inbound`.

====  =======================================================================
200   stored, or known already (also: the handshake of an address)
400   the body holds NUL or is not UTF-8, or PostgreSQL refuses it
401   the signature does not prove who sent it
404   no such address: no work but a look into memory
405   a method the service does not use
408   the body did not come in time
413   more than 1 MiB
503   the database is away, too much waits, or a secret is missing: send it again later
====  =======================================================================
"""

import asyncio
import hashlib
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import psycopg
from django.conf import settings

from integrations.errors import NotConfigured
from integrations.facts import ConnectionFacts
from integrations.registry import service_module
from integrations.webhooks.database import connect
from integrations.webhooks.group_commit import Delivery, GroupCommit, StoreUnavailable, Unstorable
from integrations.webhooks.known_connections import READ, ConnectionRow, KnownConnections
from integrations.webhooks.nudges import BrokerNudge, Nudger
from integrations.webhooks.request import BadSignature, WebhookRequest
from integrations.webhooks.tally import Tally

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PREFIX = "/webhooks/"
ADDRESS = re.compile(r"/webhooks/([a-z0-9_]{1,40})/([A-Za-z0-9_-]{16,40})(/[A-Za-z0-9._-]{1,60})?/?")
MAX_BODY = 1024 * 1024  # bytes
MAX_NAME = 200  # characters of a provider event id
BODY_SECONDS = 15.0
COMPLAINT_SECONDS = 10.0  # at most one log line in this time about bad requests to one connection


class Refusal(Exception):
    """Answer with this status; `outcome` is what the counter calls it."""

    def __init__(self, status: int, outcome: str, text: str) -> None:
        super().__init__(outcome)
        self.status = status
        self.outcome = outcome
        self.text = text


@dataclass(slots=True)
class _Room:
    """What belongs to one event loop."""

    loop: asyncio.AbstractEventLoop
    known: KnownConnections
    commits: GroupCommit
    nudger: Nudger
    tally: Tally

    def stored(self, new: int, known: int) -> None:
        """After each commit: wake the dispatcher for what is new."""
        self.tally.add("stored", new)
        self.tally.add("duplicate", known)
        if new:
            self.nudger.ring()


class WebhookDoor:
    """Wraps an ASGI application. `nudge` publishes one message to wake the dispatcher; tests give their own."""

    def __init__(self, application: Application, nudge: Callable[[], bool] | None = None) -> None:
        self._application = application
        self._nudge = nudge
        self._room: _Room | None = None
        self._complained: dict[int, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._application(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """The server's start and end. Django knows no lifespan, so the door answers for both."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def aclose(self) -> None:
        """Commit what waits and close every connection of the running loop."""
        room, self._room = self._room, None
        if room is not None and room.loop is asyncio.get_running_loop():
            await room.commits.aclose()
            await room.nudger.aclose()
            await room.known.aclose()
            await room.tally.aclose()

    def _open_room(self) -> _Room:
        loop = asyncio.get_running_loop()
        if self._room is None or self._room.loop is not loop:
            self._room = _open_room(loop, self._nudge or BrokerNudge())
        return self._room

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            connection = await self._connection(scope)
            status, content = 200, await self._answer(scope, receive, connection)
        except Refusal as refusal:
            status, content = refusal.status, refusal.text.encode()
            self._open_room().tally.add(refusal.outcome)
        except _Gone:
            return
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(content)).encode())]
        if status == 503:
            headers.append((b"retry-after", b"5"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _connection(self, scope: Scope) -> ConnectionFacts:
        address = ADDRESS.fullmatch(scope["path"])
        if address is None:
            raise Refusal(404, "unknown", "not found")
        service, key, subpath = address.groups()
        try:
            connection = await self._open_room().known.find(service, key)
        except (psycopg.Error, TimeoutError, OSError):
            raise Refusal(503, "unavailable", "the database is away") from None
        except NotConfigured as error:
            logger.error("webhook not served", extra={"service": error.service, "code": error.code})
            raise Refusal(503, "not_configured", "the connection is not complete") from None
        if connection is None or (subpath and not getattr(_webhook(connection), "ALLOWS_SUBPATH", False)):
            raise Refusal(404, "unknown", "not found")
        return connection

    async def _answer(self, scope: Scope, receive: Receive, connection: ConnectionFacts) -> bytes:
        webhook = _webhook(connection)
        try:
            if scope["method"] == "GET" and hasattr(webhook, "answer_handshake"):
                return cast(bytes, webhook.answer_handshake(_request(scope, b""), connection))
            if scope["method"] != "POST" or not hasattr(webhook, "verify"):
                raise Refusal(405, "method", "only POST")
            request = _request(scope, await _read_body(scope, receive))
            if hasattr(webhook, "prepare"):
                await webhook.prepare(
                    request, connection
                )  # what verifying needs from the network, such as a certificate
            webhook.verify(request, connection)
            _check_text(request)
            if hasattr(webhook, "answer_challenge"):
                # Some services ask once, signed, whether this address is ours; that is no event and is not stored.
                challenge = cast(bytes | None, webhook.answer_challenge(request, connection))
                if challenge is not None:
                    return challenge
            await self._store(request, connection, webhook.event_id(request))
        except BadSignature as error:
            self._complain(connection, str(error))
            raise Refusal(401, "bad_signature", "the signature is not right") from None
        except NotConfigured as error:
            self._complain(connection, error.text)
            raise Refusal(503, "not_configured", "the connection is not complete") from None
        return b"ok"

    async def _store(self, request: WebhookRequest, connection: ConnectionFacts, event_id: str) -> None:
        delivery = Delivery(
            service=connection.service,
            connection_id=connection.id,
            provider_event_id=_storable_name(event_id),
            content_type=request.header("content-type")[:200],
            query=request.query,
            body=request.body,
        )
        try:
            await self._open_room().commits.store(delivery)
        except StoreUnavailable:
            raise Refusal(503, "unavailable", "not stored, send it again later") from None
        except Unstorable:
            raise Refusal(400, "unstorable", "not storable") from None

    def _complain(self, connection: ConnectionFacts, text: str) -> None:
        """Say in the log that somebody knocks in vain, without letting him fill the disk."""
        now = time.monotonic()
        if now - self._complained.get(connection.id, -COMPLAINT_SECONDS) >= COMPLAINT_SECONDS:
            self._complained[connection.id] = now
            logger.warning(
                "webhook refused", extra={"service": connection.service, "connection": connection.id, "why": text}
            )


class _Gone(Exception):
    """The caller hung up; nobody waits for an answer."""


def _open_room(loop: asyncio.AbstractEventLoop, nudge: Callable[[], bool]) -> _Room:
    room: _Room  # the commits need it, and it needs them
    commits = GroupCommit(connect, lambda new, known: room.stored(new, known))
    room = _Room(loop, KnownConnections(_read_connections), commits, Nudger(nudge), Tally())
    return room


def _webhook(connection: ConnectionFacts) -> Any:
    return service_module(connection.service, "webhook")


async def _read_connections() -> Sequence[ConnectionRow]:
    connection = await connect()
    try:
        cursor = await connection.execute(READ)
        return cast(Sequence[ConnectionRow], await cursor.fetchall())
    finally:
        await connection.close()


def _request(scope: Scope, body: bytes) -> WebhookRequest:
    query = scope["query_string"].decode("latin-1")
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return WebhookRequest(
        method=scope["method"],
        url=f"{settings.PUBLIC_BASE_URL}{scope['path']}{'?' if query else ''}{query}",
        path=scope["path"],
        query=query,
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers},
        body=body,
        received_at=datetime.now(UTC),
    )


async def _read_body(scope: Scope, receive: Receive) -> bytes:
    for name, value in scope["headers"]:
        if name == b"content-length" and (not value.isdigit() or len(value) > 9 or int(value) > MAX_BODY):
            raise Refusal(413, "too_large", "more than 1 MiB")
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Gone
                part = message.get("body", b"")
                size += len(part)
                if size > MAX_BODY:
                    raise Refusal(413, "too_large", "more than 1 MiB")
                parts.append(part)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise Refusal(408, "slow", "the body did not come in time") from None


def _storable_name(event_id: str) -> str:
    """The id itself, or its hash when it is too long for an index or contains NUL."""
    if len(event_id) <= MAX_NAME and "\x00" not in event_id:
        return event_id
    return hashlib.sha256(event_id.encode("utf-8", "surrogatepass")).hexdigest()


def _check_text(request: WebhookRequest) -> None:
    """NUL and invalid UTF-8 stop at the edge: no service sends them, and PostgreSQL keeps neither in a text."""
    try:
        request.body.decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal(400, "not_text", "the body is not UTF-8") from None
    if b"\x00" in request.body or "\x00" in request.query or "\x00" in request.header("content-type"):
        raise Refusal(400, "not_text", "the request contains NUL")
