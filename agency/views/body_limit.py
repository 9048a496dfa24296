"""Bodies that are too large are cut off while they arrive, before Django writes them to a temporary file."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

ORDINARY = 12 * 1024 * 1024  # bytes; forms and JSON
UPLOAD = 1024 * 1024 * 1024 + ORDINARY  # bytes; a file of contacts may have 1 GB (messaging.imports)
UPLOADING = ("/api/v1/contacts/imports", "/admin/messaging/contactimport/")


class _TooLarge(Exception):
    """More arrived than may."""


class BodyLimit:
    """ASGI middleware: 413 for a body above its address' limit, whether its length was announced or not."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        limit = UPLOAD if scope["path"].startswith(UPLOADING) else ORDINARY
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > limit:
            await _refuse(send)
            return
        seen, answered = 0, False

        async def counted() -> MutableMapping[str, Any]:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise _TooLarge
            return message

        async def noted(message: MutableMapping[str, Any]) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self.application(scope, counted, noted)
        except _TooLarge:
            if not answered:
                await _refuse(send)


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"application/problem+json"), (b"connection", b"close")]
    body = b'{"type":"about:blank","title":"Content Too Large","status":413,"code":"too_large","detail":"The request is too large.","errors":[]}'
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
