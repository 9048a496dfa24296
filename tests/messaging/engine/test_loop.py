"""The loop of provider calls: whatever ends a batch, none of its calls goes on after it."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import CancelledError, Future
from typing import Any

import pytest

from integrations.errors import NotConfigured
from integrations.facts import ConnectionFacts
from messaging.runners import loop as loops
from messaging.runners.loop import CallLoop, LoopStuck


@pytest.fixture
def calls() -> Iterator[CallLoop]:
    """A loop of its own; its thread ends with the test."""
    loop = CallLoop(concurrency=10)
    yield loop
    loop._loop.call_soon_threadsafe(loop._loop.stop)
    loop._thread.join(5)
    loop._loop.close()


class Calls:
    """Calls that wait to be let go, and what became of them."""

    def __init__(self, slow_to_end: float = 0.0) -> None:
        self.started, self.sent, self.ended = threading.Event(), 0, 0
        self.gate = asyncio.Event()
        self.slow_to_end = slow_to_end

    async def wait(self) -> None:
        self.started.set()
        try:
            await self.gate.wait()
            self.sent += 1
        except asyncio.CancelledError:
            await asyncio.sleep(self.slow_to_end)
            raise
        finally:
            self.ended += 1

    async def opened(self) -> None:
        self.gate.set()


def raising(error: BaseException, after: Calls) -> Callable[[], Awaitable[None]]:
    async def call() -> None:
        while not after.started.is_set():
            await asyncio.sleep(0.001)
        raise error

    return call


def ran(future: "Future[Any]") -> BaseException | None:
    try:
        return future.exception(5)
    except CancelledError as error:
        return error


@pytest.mark.parametrize("error", [asyncio.CancelledError(), ValueError("a defect")])
def test_a_call_that_breaks_takes_its_siblings_with_it(calls: CallLoop, error: BaseException) -> None:
    siblings = Calls(slow_to_end=0.05)
    found = ran(calls.submit(calls.each([siblings.wait, siblings.wait, raising(error, siblings)])))
    assert isinstance(found, CancelledError | ValueError)
    assert siblings.ended == 2  # before the batch hears of it
    calls.abandon()
    calls.submit(siblings.opened()).result(5)
    calls.submit(asyncio.sleep(0.01)).result(5)
    assert (siblings.sent, calls._running) == (0, set())


def test_what_has_not_come_to_its_calls_yet_is_abandoned_too(calls: CallLoop) -> None:
    opening, later = Calls(), Calls()

    async def chunk() -> None:
        await opening.wait()  # as a channel that is closed and opened again
        await calls.each([later.wait])

    future = calls.submit(chunk())
    assert opening.started.wait(5)
    calls.abandon()
    assert isinstance(ran(future), CancelledError)
    calls.submit(opening.opened()).result(5)
    calls.submit(asyncio.sleep(0.01)).result(5)
    assert not later.started.is_set()


def test_a_call_that_does_not_end_makes_the_process_exit(calls: CallLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "CANCEL_SECONDS", 0.1)
    stubborn = Calls(slow_to_end=0.5)
    future = calls.submit(calls.each([stubborn.wait]))
    assert stubborn.started.wait(5)
    with pytest.raises(LoopStuck):
        calls.abandon()
    assert isinstance(ran(future), CancelledError)


def test_a_connection_that_changes_is_closed_only_when_the_calls_over_it_have_ended(
    calls: CallLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Channel:
        closed = False

        async def aclose(self) -> None:
            self.closed = True

    monkeypatch.setattr(loops, "open_channel", lambda facts: Channel())
    before: Any = calls.submit(calls.channel(ConnectionFacts(1, "resend", "key", secrets={"api_key": "old"}))).result(5)
    under_way = Calls()
    answers = calls.submit(calls.each([under_way.wait]))
    assert under_way.started.wait(5)
    after: Any = calls.submit(calls.channel(ConnectionFacts(1, "resend", "key", secrets={"api_key": "new"}))).result(5)
    calls.submit(asyncio.sleep(0.05)).result(5)
    assert (after is before, before.closed) == (False, False)
    calls.submit(under_way.opened()).result(5)
    answers.result(5)
    calls.submit(asyncio.sleep(0.05)).result(5)
    assert (under_way.sent, before.closed, after.closed) == (1, True, False)


def test_a_connection_that_cannot_be_opened_again_is_not_used_as_it_was(
    calls: CallLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Channel:
        async def aclose(self) -> None:
            return

    def opened(facts: ConnectionFacts) -> Any:
        if not facts.secrets:
            raise NotConfigured("resend", "connect", "secret_missing")
        return Channel()

    monkeypatch.setattr(loops, "open_channel", opened)
    good = ConnectionFacts(1, "resend", "key", secrets={"api_key": "good"})
    before = calls.submit(calls.channel(good)).result(5)
    with pytest.raises(NotConfigured):
        calls.submit(calls.channel(ConnectionFacts(1, "resend", "key"))).result(5)
    assert calls.submit(calls.channel(good)).result(5) is not before
