"""The provider of the benchmark: a bare uvloop protocol server that answers every POST after 5 ms with one canned acceptance.

Not the sandbox: it checks nothing and remembers only how many requests it answered, so that it costs the sides as little as possible.
"""

import asyncio
import sys
from typing import cast

import uvloop

DELAY = 0.005  # seconds
BODY = b'{"messaging_product":"whatsapp","contacts":[{"input":"1","wa_id":"1"}],"messages":[{"id":"wamid.benchmark"}]}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)


class Provider(asyncio.Protocol):
    """Reads requests with a content-length, answers each once."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._seen = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports do not derive from it

    def data_received(self, received: bytes) -> None:
        self._seen += received
        while True:
            end = self._seen.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._seen[:end].lower()
            at = head.find(b"content-length:")
            length = (
                int(head[at + 15 : head.find(b"\r\n", at) if head.find(b"\r\n", at) > 0 else end]) if at >= 0 else 0
            )
            if len(self._seen) < end + 4 + length:
                return
            self._seen = self._seen[end + 4 + length :]
            self._loop.call_later(DELAY, self._answer)

    def _answer(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(ANSWER)


async def serve() -> None:
    """Serve on a free loopback port and print it."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Provider(loop), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.install()
    try:
        asyncio.run(serve())
    except KeyboardInterrupt:
        sys.exit(0)
