"""A client that posts signed webhooks at a fixed rate over keep-alive connections, as a process of its own.

Latency counts from the moment a request was due, so a server that stalls is charged for every request it held up.
Prints one JSON line.
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import time
from collections import Counter, deque
from typing import cast

import uvloop


def signed_requests(
    path: str, secret: str, number: int, events: int, run: str, first_reference: int = 0
) -> list[bytes]:
    """Whole HTTP requests, each with a payload of its own in Meta's form and signature; references count up."""
    made = []
    for place in range(number):
        statuses = [
            {
                "id": f"wamid.{run}.{place}.{item}",
                "status": "delivered",
                "timestamp": "1790000000",
                "recipient_id": "5511988887777",
                "biz_opaque_callback_data": str(first_reference + place * events + item),
                "pricing": {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "marketing"},
            }
            for item in range(events)
        ]
        value = {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "551130000000", "phone_number_id": "106540352242922"},
            "statuses": statuses,
        }
        content = {
            "object": "whatsapp_business_account",
            "entry": [{"id": "1", "changes": [{"field": "messages", "value": value}]}],
        }
        body = json.dumps(content, separators=(",", ":")).encode()
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        made.append(
            f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            f"x-hub-signature-256: sha256={digest}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            + body
        )
    return made


class Line(asyncio.Protocol):
    """One keep-alive connection with one request under way."""

    def __init__(self, load: "Load") -> None:
        self.load = load
        self.due_at = 0.0
        self.answer = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready for the first request."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are not of asyncio's class
        self.load.idle.append(self)

    def send(self, request: bytes, due_at: float) -> None:
        """Post one request."""
        assert self.transport is not None
        self.due_at = due_at
        self.transport.write(request)

    def data_received(self, received: bytes) -> None:
        """The answer, whose body always fits its Content-Length."""
        self.answer += received
        head, found, body = self.answer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self.load.answered(self, int(head[9:12]))
        self.answer = b""

    def connection_lost(self, error: Exception | None) -> None:
        """The server hung up."""
        self.load.hung_up()


class Load:
    """Sends every request at its time, or as soon as a connection is free."""

    def __init__(self, requests: list[bytes], rate: float) -> None:
        self.requests = requests
        self.rate = rate
        self.idle: deque[Line] = deque()
        self.waiting: deque[tuple[bytes, float]] = deque()
        self.latencies: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.connections = self.lost = 0
        self.finished = asyncio.Event()

    async def run(self, port: int, connections: int) -> dict[str, object]:
        """Post everything; returns the figures."""
        loop = asyncio.get_running_loop()
        self.connections = connections
        lines = [await loop.create_connection(lambda: Line(self), "127.0.0.1", port) for _ in range(connections)]
        began = time.perf_counter()
        place = 0
        while place < len(self.requests) and not self.finished.is_set():
            now = time.perf_counter()
            due = min(int((now - began) * self.rate) + 1, len(self.requests))
            while place < due:
                self._post(self.requests[place], began + place / self.rate)
                place += 1
            await asyncio.sleep(0.001)
        async with asyncio.timeout(60):
            await self.finished.wait()
        seconds = time.perf_counter() - began
        lost = self.lost
        for transport, _ in lines:
            transport.close()
        await asyncio.sleep(0.01)  # a loop closes sockets in its next round
        ordered = sorted(self.latencies) or [0.0]
        return {
            "rate": round(len(self.latencies) / seconds),
            "accepted": self.statuses[200],
            "statuses": dict(self.statuses),
            "lost_connections": lost,
            "p50_ms": round(ordered[len(ordered) // 2] * 1000, 1),
            "p95_ms": round(ordered[int(len(ordered) * 0.95)] * 1000, 1),
            "p99_ms": round(ordered[int(len(ordered) * 0.99)] * 1000, 1),
            "max_ms": round(ordered[-1] * 1000, 1),
        }

    def _post(self, request: bytes, due_at: float) -> None:
        if self.idle:
            self.idle.popleft().send(request, due_at)
        else:
            self.waiting.append((request, due_at))

    def hung_up(self) -> None:
        """A connection ended; with the last one there is nothing left to wait for."""
        self.lost += 1
        if self.lost == self.connections:
            self.finished.set()

    def answered(self, line: Line, status: int) -> None:
        """Note one answer, and let the connection go on."""
        self.latencies.append(time.perf_counter() - line.due_at)
        self.statuses[status] += 1
        if self.waiting:
            line.send(*self.waiting.popleft())
        else:
            self.idle.append(line)
        if len(self.latencies) == len(self.requests):
            self.finished.set()


def main() -> None:
    """Read the arguments, post, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--rate", type=float, default=2_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--events", type=int, default=1)
    given = parser.parse_args()
    requests = signed_requests(
        given.path, given.secret, int(given.rate * given.seconds), given.events, f"{time.time_ns():x}"
    )

    async def post() -> dict[str, object]:
        return await Load(requests, given.rate).run(given.port, given.connections)

    print(json.dumps(uvloop.run(post())), flush=True)


if __name__ == "__main__":
    main()
