"""The gate before every call: breaker, pause and quotas of a connection, shared by all processes through Redis.

A connection that is well and has no quota costs no round trip: its state is read from memory, at most a second old. Only failures,
the first success after one, and quotas go to Redis. When Redis is away the breaker goes on in this process alone and quotas are
left to the provider's own 429: a dead counter must not stop a service that works (docs/decisions/0200-the-gate-before-a-call.md).
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any, cast

import redis
from django.conf import settings
from redis.exceptions import RedisError

from integrations.calling.policy import CallPolicy, Operation, Quota, Span, Unit
from integrations.errors import RateLimited, TemporaryFailure

logger = logging.getLogger(__name__)

MEMORY_SECONDS = 1.0  # for how long a process trusts what it last read
KEPT_MS = 3_600_000  # an idle connection's failures are forgotten after an hour
PREFIX = "calls"


@dataclass(slots=True)
class _Memory:
    """What this process last knew of a connection."""

    read_at: float = -MEMORY_SECONDS
    failures: int = 0
    opens_at: float = 0.0  # used while Redis is away: monotonic time until which the breaker stays open


_memories: dict[str, _Memory] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate of one connection; made anew whenever its policy changes."""

    service: str
    connection_id: int
    policy: CallPolicy

    def admit(self, operation: Operation, *, tokens: int = 0, calls: int = 1) -> None:
        """Let `calls` calls of an operation through, or say why not.

        Raises `TemporaryFailure` (`breaker_open`) while the service rests, and `RateLimited` (`paused`, `quota_minute` …)
        with the seconds to wait; in either case nothing was asked of the service.
        """
        memory = self._memory()
        now = time.monotonic()
        if not self.policy.quotas and not memory.failures and now - memory.read_at < MEMORY_SECONDS:
            return
        try:
            word, wait, which, failures = self._ask(operation, tokens=tokens, calls=calls)
        except RedisError as error:
            logger.warning("the gate cannot reach Redis", extra={"service": self.service, "error": str(error)})
            if memory.opens_at > now:
                raise self._open(operation, memory.opens_at - now) from None
            return
        memory.read_at, memory.failures, memory.opens_at = now, int(failures), 0.0
        seconds = int(wait) / 1000
        if word == "open":
            raise self._open(operation, seconds)
        if word == "pause":
            raise RateLimited(
                self.service, operation.name, "paused", "the provider asked for a pause", retry_after=seconds
            )
        if word == "quota":
            span = self.policy.quotas[int(which) - 1].span
            raise RateLimited(
                self.service, operation.name, f"quota_{span.name.lower()}", "our quota is used up", retry_after=seconds
            )

    def well(self) -> None:
        """The service answered as it should, even if with a refusal."""
        memory = self._memory()
        if not memory.failures:
            return
        memory.failures, memory.opens_at = 0, 0.0
        self._settle("well")

    def failed(self) -> None:
        """The service failed, or did not answer."""
        memory = self._memory()
        memory.failures += 1
        found = self._settle("failed")
        if found is not None:
            memory.failures = found
        elif memory.failures >= self.policy.breaker_failures:
            memory.opens_at = time.monotonic() + self.policy.breaker_rest

    def pause(self, seconds: float) -> None:
        """Nobody calls this connection for `seconds`: the provider asked for it."""
        self._memory().read_at = -MEMORY_SECONDS
        self._quietly(lambda: _client().set(self._key("pause"), 1, px=max(1, int(seconds * 1000))))

    def heard_left(self, span: Span, left: int, resets_in: float) -> None:
        """The provider said how much of a span is left; it is believed above our own count until it resets."""
        key = self._key(f"left:{span.name}")
        self._quietly(lambda: _client().set(key, max(0, left), px=max(1, int(resets_in * 1000))))

    def _ask(self, operation: Operation, *, tokens: int, calls: int) -> Sequence[Any]:
        keys = [self._key("state"), self._key("probe"), self._key("pause")]
        arguments: list[int] = [int(self.policy.breaker_rest * 1000)]
        now = time.time()
        for quota in self.policy.quotas:
            current, before, gone, span = bucket(quota.span, now)
            own = f"{quota.unit.value}:{quota.span.name}"
            keys += [self._key(f"{own}:{current}"), self._key(f"{own}:{before}") if before else ""]
            keys.append(self._key(f"left:{quota.span.name}"))
            arguments += [quota.limit, _amount(quota, operation, tokens, calls), int(gone * 1000), int(span * 1000)]
        return cast(Sequence[Any], _script("admit.lua")(keys=keys, args=arguments))

    def _settle(self, word: str) -> int | None:
        arguments = [word, self.policy.breaker_failures, KEPT_MS]
        found = self._quietly(
            lambda: _script("settle.lua")(keys=[self._key("state"), self._key("probe")], args=arguments)
        )
        if found is None:
            return None
        failures, changed = found
        if changed:
            state = "opened" if failures else "closed"
            logger.warning("breaker %s", state, extra={"service": self.service, "connection": self.connection_id})
        return int(failures)

    def _quietly(self, ask: Any) -> Any:
        try:
            return ask()
        except RedisError as error:
            logger.warning("the gate cannot reach Redis", extra={"service": self.service, "error": str(error)})
            return None

    def _open(self, operation: Operation, seconds: float) -> TemporaryFailure:
        text = f"it failed {self.policy.breaker_failures} times in a row; asked again in {seconds:.0f} s"
        return TemporaryFailure(self.service, operation.name, "breaker_open", text, accepted_possible=False)

    def _key(self, name: str) -> str:
        return f"{PREFIX}:{self.service}:{self.connection_id}:{name}"

    def _memory(self) -> _Memory:
        key = self._key("")
        with _lock:
            return _memories.setdefault(key, _Memory())


def bucket(span: Span, now: float) -> tuple[str, str, float, float]:
    """The names of the present bucket and the one before ("" for a month: it starts anew), seconds gone in it, and its length."""
    if span is Span.MONTH:
        day = datetime.fromtimestamp(now, UTC)
        start = day.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        after = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
        return f"{start:%Y-%m}", "", now - start.timestamp(), (after - start).total_seconds()
    number, gone = divmod(now, span.value)
    return str(int(number)), str(int(number) - 1), gone, float(span.value)


def _amount(quota: Quota, operation: Operation, tokens: int, calls: int) -> int:
    match quota.unit:
        case Unit.CALLS:
            return calls
        case Unit.WEIGHT:
            return calls * operation.weight
        case Unit.TOKENS:
            return tokens


@cache
def _client() -> "redis.Redis":
    """One connection pool per process, made on first use (after the fork)."""
    return redis.Redis.from_url(
        settings.LIMITER_URL,
        socket_timeout=2,
        socket_connect_timeout=2,
        health_check_interval=25,
        decode_responses=True,
    )


@cache
def _script(name: str) -> Any:
    return _client().register_script(resources.files(__package__).joinpath(name).read_text("utf-8"))


def forget_connections() -> None:
    """Drop this process's pool and memory; called after a fork and between tests."""
    _client.cache_clear()
    _script.cache_clear()
    _memories.clear()
