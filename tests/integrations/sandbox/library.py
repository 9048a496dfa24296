"""A small service that exists nowhere, imitated: books on shelves, to try what any imitated service gets from its base."""

import asyncio
import hashlib
import hmac
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from integrations.sandbox.control import SandboxControl
from integrations.sandbox.imitation import Imitation, known_fields
from integrations.sandbox.routes import Routes
from integrations.sandbox.server import Sandbox
from integrations.sandbox.wire import Request, Response, json_response
from integrations.sandbox.world import SandboxSettings, World

XML = b'<?xml version="1.0"?><List xmlns="urn:l"><Book><Id>1</Id><Title>A</Title></Book><Book><Id>2</Id></Book></List>'
CODES = {"book_locked": 423, "rate": 429, "broken": 500, "expired": 401, "scope": 403, "skewed": 403, "unknown": 404}


@dataclass(slots=True)
class Reader:
    """Who may read and write."""

    name: str = "sandbox"
    token: str = "library-token"
    webhook_url: str = ""
    secret: str = "library-secret"


class LibrarySandbox(Imitation):
    """The service."""

    slug = "library"
    title = "Library"
    routes = Routes(
        ("GET", "/books", "list"),
        ("POST", "/books", "add"),
        ("GET", "/books.xml", "list_xml"),
        ("DELETE", "/books/{id}", "remove"),
        ("PUT", "/shelf/{shelf}/{key+}", "store"),
        ("GET", "/shelf/{shelf}/{key+}", "fetch"),
        ("POST", "/echo", "echo"),
        ("POST", "/answer/{status}", "answer"),
    )
    sends_webhooks = True
    events = ("returned",)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._reader = Reader()
        self.files: dict[str, bytes] = {}

    def answer(self, operation: str, arguments: tuple[str, ...], request: Request) -> Response:
        """See Imitation."""
        match operation:
            case "list":
                books = [{"id": 1, "title": "A", "by": {"name": "X"}}, {"id": 2, "title": "B", "by": {"name": "Y"}}]
                return json_response(200, {"data": books}, (("etag", '"1"'), ("x-left", "9")))
            case "list_xml":
                return Response(200, XML, "application/xml")
            case "add":
                title = str(request.json()["title"])
                self.world.record_write(
                    self,
                    account=self._reader.name,
                    operation="add",
                    reference=title,
                    body=request.body,
                    provider_id="3",
                )
                return json_response(201, {"id": 3, "title": title})
            case "remove":
                self.world.record_write(self, account=self._reader.name, operation="remove", reference=arguments[0])
                return Response(204)
            case "store":
                self.files[arguments[1]] = request.body
                return Response(200, content_type="", headers=(("etag", hashlib.md5(request.body).hexdigest()),))
            case "fetch":
                found = self.files.get(arguments[1])
                return self.refusal("unknown") if found is None else Response(200, found, "application/octet-stream")
            case "answer":
                return Response(int(arguments[0]), b"", headers=(("range", "bytes=0-41"), ("x-a", "1"), ("x-a", "2")))
        parts = [
            [part.name, part.filename, part.content_type, len(part.body), part.text[:40]] for part in request.parts()
        ]
        return json_response(200, {"parts": parts, "queries": request.queries})

    def unknown_route(self, request: Request) -> Response:
        """See Imitation."""
        return self.refusal("unknown")

    def rate_limited(self, retry_after: float) -> Response:
        """See Imitation."""
        headers = (("retry-after", str(round(retry_after))), ("x-ratelimit-reset", "1"), ("x-kept", "1"))
        return json_response(429, {"error": "rate"}, headers)

    def broken(self) -> Response:
        """See Imitation."""
        return self.refusal("broken")

    def refusal(self, code: str) -> Response:
        """See Imitation."""
        return json_response(CODES[code], {"error": code})

    def codes(self) -> Collection[str]:
        """See Imitation."""
        return CODES

    def error_in_success(self, operation: str) -> Response | None:
        """Only where something is added."""
        return json_response(200, {"ok": False, "error": "book_locked"}) if operation == "add" else None

    def expired_token(self, operation: str) -> Response | None:
        """See Imitation."""
        return self.refusal("expired")

    def clock_skewed(self, operation: str, request: Request, seconds: float) -> Response | None:
        """Who adds a book signs the time."""
        return self.refusal("skewed") if operation == "add" and abs(seconds) > 300 else None

    def open_account(self, given: dict[str, Any]) -> dict[str, Any]:
        """See Imitation."""
        self._reader = Reader(**known_fields(Reader, given))
        return asdict(self._reader)

    def accounts(self) -> list[dict[str, Any]]:
        """See Imitation."""
        return [asdict(self._reader)]

    def happen(self, event: str, facts: dict[str, Any]) -> dict[str, Any]:
        """Somebody brings a book back."""

        def sign(content: bytes) -> Mapping[str, str]:
            return {"x-signature": hmac.new(self._reader.secret.encode(), content, hashlib.sha256).hexdigest()}

        return {
            "sent": self.send_webhook(self._reader.webhook_url, orjson.dumps(facts), sign, headers={"x-event": event})
        }


@dataclass(frozen=True, slots=True)
class RunningLibrary:
    """The library's sandbox, answering."""

    url: str
    log: Path
    control: SandboxControl
    imitation: LibrarySandbox


@contextmanager
def running_library(log: Path) -> Iterator[RunningLibrary]:
    """A sandbox of this one service, in a thread of this process."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    world = World(SandboxSettings(log=log, time_scale=1000.0))
    imitation = LibrarySandbox(world)
    sandbox = Sandbox(world, [imitation])
    asyncio.run_coroutine_threadsafe(sandbox.start(), loop).result(10)
    root = f"http://127.0.0.1:{sandbox.server.port}"
    try:
        yield RunningLibrary(f"{root}/library", log, SandboxControl(root), imitation)
    finally:
        asyncio.run_coroutine_threadsafe(sandbox.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
