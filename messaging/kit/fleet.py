"""What the fleet remembers between rounds, in Redis: how fast it is, which processes live, which client had how much.

All of it is advice: after a loss the defaults hold and nothing is wrong, only less well shared.
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import cast

import redis
from django.conf import settings
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

DEFAULT_RATE = 1_000.0  # recipients a second, before anything was measured
DECAY = 0.98
ALIVE_SECONDS = 60
RATE, PROCESSES, SERVED, TURN = "fleet:rate", "fleet:processes", "fleet:served", "fleet:turn"


def process_name() -> str:
    """This sender process, as the fleet counts it."""
    return f"{socket.gethostname()}:{os.getpid()}"


@cache
def _client() -> "redis.Redis":
    return redis.Redis.from_url(
        settings.LIMITER_URL,
        socket_timeout=2,
        socket_connect_timeout=2,
        health_check_interval=25,
        decode_responses=True,
    )


def rate() -> float:
    """The fleet's measured throughput in recipients a second."""
    try:
        return float(cast("str | None", _client().get(RATE)) or DEFAULT_RATE)
    except RedisError:
        return DEFAULT_RATE


def note_batch(name: str, number: int, seconds: float) -> None:
    """A process has sent `number` recipients in `seconds`: it lives, and the fleet can do at least this much."""
    try:
        pipe = _client().pipeline(transaction=False)
        pipe.zadd(PROCESSES, {name: time.time()})
        pipe.zcount(PROCESSES, time.time() - ALIVE_SECONDS, "+inf")
        pipe.get(RATE)
        _, alive, known = pipe.execute()
        sample = number / max(seconds, 0.001) * max(int(alive), 1)
        best = max(float(known or DEFAULT_RATE) * DECAY, DEFAULT_RATE, sample if number >= 100 else 0)
        _client().set(RATE, best)
    except RedisError:
        return


def processes() -> int:
    """Sender processes seen in the last minute; at least 2, so that a first wave is shared."""
    try:
        _client().zremrangebyscore(PROCESSES, "-inf", time.time() - ALIVE_SECONDS)
        return max(2, cast(int, _client().zcard(PROCESSES)))
    except RedisError:
        return 2


def served() -> dict[int, int]:
    """Recipients given to each client lately."""
    try:
        return {
            int(client): int(number) for client, number in cast("dict[str, str]", _client().hgetall(SERVED)).items()
        }
    except RedisError:
        return {}


def turn() -> int:
    """The number of the next turn."""
    try:
        return int(cast("str | None", _client().get(TURN)) or 0)
    except RedisError:
        return 0


def remember(served_now: Mapping[int, int], turn_now: int) -> None:
    """Keep the counts for the next round."""
    try:
        pipe = _client().pipeline()
        pipe.delete(SERVED)
        if served_now:
            pipe.hset(SERVED, mapping={str(client): number for client, number in served_now.items()})
        pipe.set(TURN, turn_now)
        pipe.execute()
    except RedisError:
        return


def publish(send: Callable[[], object]) -> bool:
    """Publish to the broker; False when it is away (the sweep repairs)."""
    try:
        send()
    except (OperationalError, RedisError, ConnectionError, TimeoutError) as error:
        logger.warning("wave not published", extra={"error": str(error)})
        return False
    return True


def forget_connections() -> None:
    """Drop this process's pool; called after a fork and between tests."""
    _client.cache_clear()
