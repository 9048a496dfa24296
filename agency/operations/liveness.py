"""Noting that a queue is consumed."""

import time

from django.core.cache import cache

from agency.kit.health import CANARY_KEY


def note_canary(*, queue: str) -> None:
    """A worker of `queue` answers; the instant (epoch seconds) is kept in the cache."""
    cache.set(CANARY_KEY.format(queue=queue), time.time(), timeout=None)
