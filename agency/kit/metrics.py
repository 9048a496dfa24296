"""Numbers for Prometheus: counters in Redis that survive processes, and sources that are asked when somebody scrapes.

    metrics.add("sweep_repairs", 3)                          # after a transaction, once a round or chunk, never once a message
    metrics.add("sends", 200, outcome="sent")
    metrics.register_source(queue_gauges)                    # in apps.ready(): a function that returns samples in bounded queries

Counting never fails its caller: when Redis is away the number is lost and logged.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import cast

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

logger = logging.getLogger(__name__)
KEY = "batuta:metrics"

# Every counter: its help text and the names of its labels, in order.
COUNTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "sends": (
        "Recipients that reached this outcome (sent, delivered, read, replied, skipped, failed, unknown)",
        ("outcome",),
    ),
    "limiter_waits": ("Claims that got no allowance and had to wait", ()),
    "lease_expiries": ("Recipients whose lease ended without a record", ()),
    "sweep_repairs": ("Things the sweep set going again", ("what",)),
    "inbound_events": ("Provider webhooks by what became of them", ("outcome",)),
    "orphans": ("Rows that the nightly look found pointing at nothing", ("reference",)),
    "api_calls_lost": ("Calls of outside services that could not be written to their ledger", ()),
    "api_requests": ("API answers by status class", ("status",)),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One gauge value. `name` without the prefix `batuta_`, labels by name."""

    name: str
    text: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)


_sources: list[Callable[[], Iterable[Sample]]] = []


def register_source(source: Callable[[], Iterable[Sample]]) -> None:
    """Ask `source` at each scrape; registering twice is harmless."""
    if source not in _sources:
        _sources.append(source)


def sources() -> tuple[Callable[[], Iterable[Sample]], ...]:
    """Every registered source."""
    return tuple(_sources)


@cache
def _client(url: str) -> "redis.Redis":
    """Never tries twice: whoever counts does not wait for a Redis that is away."""
    once = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(url, retry=once, socket_timeout=1, socket_connect_timeout=1, decode_responses=True)


def _counters() -> "redis.Redis":
    return _client(settings.CACHES["default"]["LOCATION"])


def add(name: str, amount: int = 1, **labels: str) -> None:
    """Count `amount` more. Raises KeyError for a counter that is not declared above, with other labels than declared ValueError."""
    _text, wanted = COUNTERS[name]
    if set(labels) != set(wanted):
        raise ValueError(f"the counter {name} has the labels {wanted}")
    if amount:
        try:
            _counters().hincrby(KEY, "|".join((name, *(labels[label] for label in wanted))), amount)
        except RedisError as error:
            logger.warning("not counted", extra={"counter": name, "error": str(error)})


def counters() -> dict[str, dict[tuple[str, ...], int]]:
    """Every declared counter with its values by label values; empty where nothing was counted yet."""
    found: dict[str, dict[tuple[str, ...], int]] = {name: {} for name in COUNTERS}
    kept = cast(dict[str, str], _counters().hgetall(KEY))  # typed for the asynchronous client too
    for key, value in kept.items():
        name, *values = key.split("|")
        if name in found and len(values) == len(COUNTERS[name][1]):
            found[name][tuple(values)] = int(value)
    return found
