"""What the door counts, for `/metrics`: kept in memory, handed to the fleet's counters once in a while from a thread."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

from agency.kit import metrics

FLUSH_SECONDS = 2.0


def add_to_metrics(outcomes: Mapping[str, int]) -> None:
    """Add to the fleet's counter of inbound events. Blocks for a second at worst: call it in a thread."""
    for outcome, number in outcomes.items():
        metrics.add("inbound_events", number, outcome=outcome)


class Tally:
    """Outcomes of one event loop. What is not handed over when the process is killed is lost; rows are never counted here."""

    def __init__(self, hand_over: Callable[[Mapping[str, int]], None] = add_to_metrics) -> None:
        self._hand_over = hand_over
        self._outcomes: Counter[str] = Counter()
        self._flushing: asyncio.Task[None] | None = None

    def add(self, outcome: str, number: int = 1) -> None:
        """Count, and hand over soon."""
        if not number:
            return
        self._outcomes[outcome] += number
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.get_running_loop().create_task(self._flush_later())

    async def _flush_later(self) -> None:
        await asyncio.sleep(FLUSH_SECONDS)
        await self._flush()

    async def _flush(self) -> None:
        outcomes, self._outcomes = self._outcomes, Counter()
        await asyncio.to_thread(self._hand_over, outcomes)

    async def aclose(self) -> None:
        """Hand over the rest."""
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.gather(self._flushing, return_exceptions=True)
        await self._flush()
