"""The event loop of a sender process: one thread, made after the fork, in which provider calls run side by side.

The ORM is never called in it. A batch that ends with an exception cancels and awaits every call it left behind, so nothing of it is sent later.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar, cast

import uvloop
from django.conf import settings

from integrations.capabilities.messages import MessageChannel, open_channel
from integrations.facts import ConnectionFacts

T = TypeVar("T")
CANCEL_SECONDS = 10.0


class LoopStuck(BaseException):
    """Calls did not end when cancelled: the process must exit, or they would be sent during another batch."""


class CallLoop:
    """A running loop in a thread of its own, with the open channels and the limit on calls in flight."""

    def __init__(self, concurrency: int) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="provider-calls", daemon=True)
        self._thread.start()
        self._gate = asyncio.Semaphore(concurrency)
        self._channels: dict[int, tuple[ConnectionFacts, MessageChannel]] = {}
        self._running: set[asyncio.Task[Any]] = set()
        self._retiring: set[asyncio.Task[None]] = set()

    def submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Start a coroutine in the loop; called from the task's thread. `abandon` ends it, wherever it has got to."""
        return asyncio.run_coroutine_threadsafe(self._noted(work), self._loop)

    async def _noted(self, work: Coroutine[Any, Any, T]) -> T:
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._running.add(task)
        try:
            return await work
        finally:
            self._running.discard(task)

    async def each(self, calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
        """Run the calls, at most `concurrency` at a time across all chunks, and return their results in order.

        However it ends, no call is left behind: if one raises, or it is cancelled itself, the others are cancelled and awaited first.
        """
        tasks = [asyncio.ensure_future(self._gated(call)) for call in calls]
        self._running.update(tasks)
        try:
            return await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
        finally:
            # One that would not end, because this wait was cancelled as well, is still `abandon`'s to wait for.
            self._running.difference_update([task for task in tasks if task.done()])

    async def _gated(self, call: Callable[[], Awaitable[T]]) -> T:
        async with self._gate:
            return await call()

    async def channel(self, facts: ConnectionFacts) -> MessageChannel:
        """The open channel of a connection; another when its settings or secrets have changed, and the old one is closed once the calls that
        may use it have ended: a line that is cut leaves messages of which nobody knows whether they were accepted. Raises `NotConfigured`."""
        known = self._channels.get(facts.id)
        if known is not None and known[0] == facts:
            return known[1]
        if known is not None:
            del self._channels[facts.id]
            retiring = asyncio.ensure_future(_retire(known[1], [task for task in self._running if not task.done()]))
            self._retiring.add(retiring)
            retiring.add_done_callback(self._retiring.discard)
        opened = open_channel(facts)
        self._channels[facts.id] = (facts, opened)
        return opened

    def abandon(self) -> None:
        """Cancel every call and wait until each has ended. Raises `LoopStuck` when one does not."""
        try:
            asyncio.run_coroutine_threadsafe(self._cancel_all(), self._loop).result(CANCEL_SECONDS)
        except TimeoutError as error:
            raise LoopStuck("calls survived their cancellation") from error

    async def _cancel_all(self) -> None:
        while tasks := {task for task in self._running if not task.done()}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        self._running.clear()


async def _retire(channel: MessageChannel, users: Collection["asyncio.Task[Any]"]) -> None:
    if users:
        await asyncio.wait(users)
    await channel.aclose()


_loops: dict[int, CallLoop] = {}


def call_loop() -> CallLoop:
    """This process's loop, made on first use (a forked child never inherits its parent's)."""
    ident = threading.get_native_id() if threading.current_thread() is not threading.main_thread() else 0
    if ident not in _loops:
        _loops[ident] = CallLoop(settings.SEND_CONCURRENCY)
    return _loops[ident]
