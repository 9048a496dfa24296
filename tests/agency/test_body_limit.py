"""A body that grows too large is cut off, announced or not; everything else passes untouched."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from agency.views.body_limit import ORDINARY, BodyLimit

MIB = 1024 * 1024


async def echo_length(scope: Any, receive: Any, send: Any) -> None:
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message["body"])
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


async def ask(path: str, size: int, announced: bytes | None) -> tuple[int, bytes]:
    chunks = [MIB] * (size // MIB)
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"x" * chunks.pop(), "more_body": bool(chunks)}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = [] if announced is None else [(b"content-length", announced)]
    await BodyLimit(echo_length)({"type": "http", "path": path, "headers": headers}, receive, send)
    return sent[0]["status"], sent[1]["body"]


@pytest.mark.parametrize(
    ("path", "size", "announced", "status"),
    [
        ("/api/v1/contacts", 12 * MIB, None, 200),
        ("/api/v1/contacts", 13 * MIB, None, 413),
        ("/admin/", 1 * MIB, str(ORDINARY + 1).encode(), 413),
        ("/admin/", 1 * MIB, b"-5", 413),
        ("/api/v1/contacts/imports", 20 * MIB, str(20 * MIB).encode(), 200),
    ],
)
def test_bodies_are_bounded(path: str, size: int, announced: bytes | None, status: int) -> None:
    found, body = asyncio.run(ask(path, size, announced))
    assert found == status
    assert body == str(size).encode() if status == 200 else b'"too_large"' in body
