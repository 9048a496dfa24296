"""Provider time: minutes that pass between a message and its being read, divided by `--time-scale`."""

from __future__ import annotations

import asyncio
import heapq
import time
import traceback
from collections.abc import Callable
from typing import Any

from .complaints import complain

TICK_SECONDS = 0.01


class Clock:
    """Calls things later, thousands at once, with one timer for each hundredth of a second in use.

    `scale` is how many provider seconds pass in one real second. Needs a running loop for `later`.
    """

    def __init__(self, scale: float) -> None:
        self.scale = scale
        self.pending = 0
        self._buckets: dict[int, list[tuple[Callable[..., None], tuple[Any, ...]]]] = {}
        self._ticks: list[int] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_tick = 0

    def now(self) -> float:
        """Real time, in seconds since the epoch."""
        return time.time()

    def later(self, provider_seconds: float, callback: Callable[..., None], *arguments: Any) -> None:
        """Call back after that much provider time."""
        self.after(provider_seconds / self.scale, callback, *arguments)

    def after(self, seconds: float, callback: Callable[..., None], *arguments: Any) -> None:
        """Call back after that much real time (rounded up to the tick)."""
        tick = int((time.monotonic() + seconds) / TICK_SECONDS) + 1
        bucket = self._buckets.get(tick)
        if bucket is None:
            bucket = self._buckets[tick] = []
            heapq.heappush(self._ticks, tick)
            if self._timer is None or tick < self._timer_tick:
                self._arm()
        bucket.append((callback, arguments))
        self.pending += 1

    def clear(self) -> None:
        """Forget everything that was to happen."""
        self._buckets.clear()
        self._ticks.clear()
        self.pending = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_tick = self._ticks[0]
        wait = max(0.0, self._timer_tick * TICK_SECONDS - time.monotonic())
        self._timer = asyncio.get_running_loop().call_later(wait, self._ring)

    def _ring(self) -> None:
        self._timer = None
        present = int(time.monotonic() / TICK_SECONDS)
        while self._ticks and self._ticks[0] <= present:
            bucket = self._buckets.pop(heapq.heappop(self._ticks))
            self.pending -= len(bucket)
            for callback, arguments in bucket:
                try:
                    callback(*arguments)
                except Exception:
                    complain(traceback.format_exc())  # one message's trouble must not stop the clock for all
        if self._ticks:
            self._arm()
