"""Rate limits that the imitated providers enforce when the sandbox is started with `--real-limits`."""

from __future__ import annotations

import time
from collections import OrderedDict


class Bucket:
    """A token bucket: `per_second` tokens, at most `burst` saved up."""

    def __init__(self, per_second: float, burst: float) -> None:
        self.per_second = per_second
        self.burst = burst
        self._tokens = burst
        self._at = time.monotonic()

    @property
    def remaining(self) -> int:
        """Whole tokens left at present."""
        self._fill()
        return int(self._tokens)

    def take(self) -> float:
        """Take one token; 0.0 = taken, else the seconds until there is one."""
        self._fill()
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self.per_second

    def _fill(self) -> None:
        now = time.monotonic()
        self._tokens = min(self.burst, self._tokens + (now - self._at) * self.per_second)
        self._at = now


class PairGate:
    """At most one message to one pair (sender, person) in `seconds`."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._last: OrderedDict[tuple[str, str], float] = OrderedDict()

    def passes(self, sender: str, person: str) -> bool:
        """Whether this pair may go now; if so, it is noted."""
        now = time.monotonic()
        while self._last and next(iter(self._last.values())) <= now - self.seconds:
            self._last.popitem(last=False)
        if (sender, person) in self._last:
            return False
        self._last[(sender, person)] = now
        return True
