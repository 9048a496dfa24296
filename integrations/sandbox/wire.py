"""A small HTTP/1.1 server on httptools, for the sandbox only.

It gives the sandbox what a web framework hides: the moment at which a connection is cut, an answer that never comes,
and enough speed that the sandbox is not what a measurement measures (docs/decisions/0120).
"""

from __future__ import annotations

import asyncio
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Protocol, cast
from urllib.parse import parse_qs, parse_qsl, unquote

import httptools
import orjson

from .complaints import complain
from .multipart import Part, parse_parts

# A file of 64 MB, with room for what a form or an envelope puts around it.
MAX_BODY_BYTES = 65 * 1024 * 1024
BODILESS = frozenset({204, 304})

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_BANNER = b"server: batuta-sandbox\r\nx-sandbox: not-real\r\n"


class BadBody(Exception):
    """The body is not what its content type says."""


@dataclass(slots=True)
class Request:
    """One request as it arrived. Header names are lower case; `path` is decoded, `raw_path` percent-encoded as sent."""

    method: str
    target: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    body: bytes
    raw_path: str = ""

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; the last of equal names wins."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    @property
    def queries(self) -> dict[str, list[str]]:
        """The query's parameters with all values of each name, in order."""
        return parse_qs(self.query_string, keep_blank_values=True)

    @property
    def bearer(self) -> str:
        """The token of `Authorization: Bearer …`, or nothing."""
        kind, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if kind.lower() == "bearer" else ""

    def json(self) -> Any:
        """The JSON body. Raises BadBody."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise BadBody(str(error)) from error

    def form(self) -> list[tuple[str, str]]:
        """The fields of an `application/x-www-form-urlencoded` body, in order. Raises BadBody."""
        try:
            return parse_qsl(self.body.decode(), keep_blank_values=True)
        except ValueError as error:
            raise BadBody(str(error)) from error

    def parts(self) -> list[Part]:
        """The parts of a `multipart/…` body: the fields and files of a form, or the pieces of an upload. Raises BadBody."""
        try:
            return parse_parts(self.headers.get("content-type", ""), self.body)
        except ValueError as error:
            raise BadBody(str(error)) from error


@dataclass(slots=True)
class Response:
    """One answer. With `cut_at` only so many bytes of the body are sent, then the connection ends."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    cut_at: int | None = None

    def encode(self, keep_alive: bool, *, head_only: bool = False) -> bytes:
        """The bytes on the wire; `head_only` for everything before the body, as an answer to HEAD."""
        extra = "".join(f"{name}: {value}\r\n" for name, value in self.headers) if self.headers else ""
        connection = "" if keep_alive else "connection: close\r\n"
        if self.status in BODILESS:
            head = f"{extra}{connection}\r\n"
        else:
            kind = f"content-type: {self.content_type}\r\n" if self.content_type else ""
            head = f"{kind}content-length: {len(self.body)}\r\n{extra}{connection}\r\n"
        line = _STATUS_LINES.get(self.status) or f"HTTP/1.1 {self.status} \r\n".encode()
        return b"".join((line, _BANNER, head.encode("latin-1", "replace"), b"" if head_only else self.body))


def json_response(status: int, content: Any, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """An answer in JSON."""
    return Response(status, orjson.dumps(content), "application/json", headers)


def date_header(at: float) -> tuple[str, str]:
    """A Date header for a time in seconds since the epoch."""
    return ("date", formatdate(at, usegmt=True))


class Exchange(Protocol):
    """The open end of one request: exactly one of these is called, now or later, or neither (the client then waits)."""

    def answer(self, response: Response) -> None:
        """Send the answer; without effect when the client has gone."""

    def cut(self) -> None:
        """Cut the connection without an answer."""


Application = Callable[[Request, Exchange], None]


class HttpConnection(asyncio.Protocol):
    """One client connection: parses, keeps the order of pipelined requests, answers."""

    __slots__ = (
        "_application",
        "_body",
        "_busy",
        "_head_only",
        "_headers",
        "_keep_alive",
        "_open",
        "_parser",
        "_size",
        "_target",
        "_transport",
        "_waiting",
    )

    def __init__(self, application: Application, open_connections: set[HttpConnection]) -> None:
        self._application = application
        self._open = open_connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._busy = False
        self._keep_alive = True
        self._head_only = False
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0

    # Called by the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the connection, so that stopping the server can end it."""
        self._transport = cast(asyncio.Transport, transport)
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything: a late answer finds no transport."""
        self._transport = None
        self._waiting.clear()
        self._open.discard(self)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; whatever is not HTTP ends the connection."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.cut()
        except httptools.HttpParserError:
            if self._transport is not None:
                self._transport.write(Response(400, b"", "text/plain").encode(keep_alive=False))
                self._transport.close()

    # Called by the parser

    def on_message_begin(self) -> None:
        """Start the next request."""
        self._target = b""
        self._headers = {}
        self._body = []
        self._size = 0

    def on_url(self, url: bytes) -> None:
        """Collect the request target, which may come in pieces."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect one header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Let a careful client go on with its body."""
        if self._headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Collect a piece of the body; one too large ends the connection."""
        self._size += len(body)
        if self._size > MAX_BODY_BYTES:
            self.cut()
            return
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Hand the request over, or keep it until the one before it is answered."""
        target = self._target.decode("latin-1")
        raw_path, _, query = target.partition("?")
        path = unquote(raw_path) if "%" in raw_path else raw_path
        method = self._parser.get_method().decode("latin-1")
        request = Request(method, target, path, query, self._headers, b"".join(self._body), raw_path)
        keep_alive = self._parser.should_keep_alive()
        if self._busy:
            self._waiting.append((request, keep_alive))
        else:
            self._start(request, keep_alive)

    # Called by the application

    def answer(self, response: Response) -> None:
        """Send the answer, then start the request that waited behind it."""
        transport = self._transport
        if transport is None:
            return
        if response.cut_at is not None:
            self._send_part(transport, response, response.cut_at)
            return
        transport.write(response.encode(self._keep_alive, head_only=self._head_only))
        self._busy = False
        if not self._keep_alive:
            transport.close()
        elif self._waiting:
            self._start(*self._waiting.popleft())

    def cut(self) -> None:
        """Cut the connection: the client sees a reset."""
        if self._transport is not None:
            self._transport.abort()

    def _send_part(self, transport: asyncio.Transport, response: Response, cut_at: int) -> None:
        """Send less than the head promises. An empty body is promised to be longer, so that something is missing too."""
        whole = response if response.body else replace(response, body=b"not sent")
        transport.write(whole.encode(self._keep_alive, head_only=True) + response.body[:cut_at])
        self._waiting.clear()
        transport.close()

    def _start(self, request: Request, keep_alive: bool) -> None:
        self._busy = True
        self._keep_alive = keep_alive
        self._head_only = request.method == "HEAD"
        try:
            self._application(request, self)
        except Exception:
            complain(traceback.format_exc())
            self.answer(json_response(500, {"error": "the sandbox itself failed; see its output"}))


class HttpServer:
    """A listening socket and its connections."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._connections: set[HttpConnection] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one, found in `port`. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: HttpConnection(self._application, self._connections), host, port, backlog=4096
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut what is open."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.cut()
        await asyncio.sleep(0)
