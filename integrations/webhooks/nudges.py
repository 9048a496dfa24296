"""Waking the dispatcher after a commit: at most one message in fifty milliseconds, never from the event loop itself."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

from agency.kit.queue import enqueue

TASK = "integrations.dispatch_inbound"
QUEUE = "webhooks"
PAUSE_SECONDS = 0.05
AWAY_SECONDS = 1.0  # pause after the broker did not answer; the dispatcher's tick finds the rows meanwhile
ENOUGH = 20  # nudges in the queue beyond which one more adds nothing
EXPIRES_SECONDS = 60.0


class BrokerNudge:
    """Publishes one nudge, unless enough of them wait already: an outage of the workers must not fill the broker."""

    def __init__(self) -> None:
        self._redis = Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)

    def __call__(self) -> bool:
        """False when the broker is away. Blocks for seconds at worst: call it in a thread."""
        try:
            if cast(int, self._redis.llen(QUEUE)) >= ENOUGH:  # typed for the asynchronous client too
                return True
            return enqueue(TASK, expires=EXPIRES_SECONDS)
        except RedisError:
            return False

    def close(self) -> None:
        """Give back the connection."""
        self._redis.close()


class Nudger:
    """Calls `nudge` in a thread of its own, soon after each `ring`, with a pause in between."""

    def __init__(self, nudge: Callable[[], bool]) -> None:
        self._nudge = nudge
        self._wanted = False
        self._running: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "webhook-nudge")

    def ring(self) -> None:
        """Something was stored."""
        self._wanted = True
        if self._running is None or self._running.done():
            self._running = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while self._wanted:
            self._wanted = False
            published = await asyncio.get_running_loop().run_in_executor(self._thread, self._nudge)
            await asyncio.sleep(PAUSE_SECONDS if published else AWAY_SECONDS)

    async def aclose(self) -> None:
        """Stop; a nudge under way is published, later ones are left to the dispatcher's tick."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        self._thread.shutdown(wait=True)
