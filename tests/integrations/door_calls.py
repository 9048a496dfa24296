"""Calling the webhook door as an ASGI server would."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from integrations.door import WebhookDoor
from integrations.models import Connection, InboundEvent
from tests.integrations.signing import Signed

Connections = dict[str, Connection]


@dataclass
class Answer:
    status: int = 0
    body: bytes = b""
    headers: dict[bytes, bytes] = field(default_factory=dict)


async def behind(scope: Any, receive: Any, send: Any) -> None:
    """The application behind the door."""
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


def new_door(nudge: Callable[[], bool] = lambda: True) -> WebhookDoor:
    return WebhookDoor(behind, nudge)


async def call(door: WebhookDoor, path: str, signed: Signed, pieces: list[bytes] | None = None) -> Answer:
    answer = Answer()
    parts = [signed.body] if pieces is None else pieces
    messages = [
        {"type": "http.request", "body": part, "more_body": place < len(parts) - 1} for place, part in enumerate(parts)
    ]
    scope = {
        "type": "http",
        "method": signed.method,
        "path": path,
        "query_string": signed.query.encode("latin-1"),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in signed.headers.items()],
    }

    async def receive() -> Any:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], dict(message["headers"])
        else:
            answer.body += message["body"]

    await door(scope, receive, send)
    return answer


def run(steps: Callable[[WebhookDoor], Awaitable[None]], nudge: Callable[[], bool] = lambda: True) -> None:
    """Run the steps against a new door in a new loop, and close the door."""

    async def whole() -> None:
        door = new_door(nudge)
        try:
            await steps(door)
        finally:
            await door.aclose()

    asyncio.run(whole())


def address(connection: Connection) -> str:
    return f"/webhooks/{connection.service}/{connection.key}"


def stored(connection: Connection) -> list[InboundEvent]:
    return list(InboundEvent.objects.filter(connection_id=connection.pk).order_by("id"))
