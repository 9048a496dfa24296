"""What people and tasks ask of a mail server beside sending: whether it takes our login."""

import asyncio

from integrations.calling.calls import Calls
from integrations.facts import ConnectionFacts
from integrations.smtp.client import SmtpClient


class SmtpAccount:
    """One login at one server. Safe to share between threads that run no event loop."""

    def __init__(self, connection: ConnectionFacts) -> None:
        self._connection = connection
        self._calls = Calls(connection, lambda operation, error: None)

    def verify(self) -> None:
        """Connect, log in, and hear an answer; nothing is sent. Raises `integrations.errors`."""
        self._calls.run("verify", lambda seconds: asyncio.run(self._greet(seconds)))

    def look(self) -> None:
        """The same, for the health check."""
        self._calls.run("health", lambda seconds: asyncio.run(self._greet(seconds)))

    async def _greet(self, seconds: float) -> None:
        client = SmtpClient(self._connection, timeout=seconds)
        try:
            async with asyncio.timeout(seconds):
                await client.greet()
        finally:
            await client.aclose()


def build(connection: ConnectionFacts) -> SmtpAccount:
    """The account behind one connection. Raises `NotConfigured`."""
    return SmtpAccount(connection)
