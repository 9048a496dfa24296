"""When a failed attempt is made again."""

import random
from datetime import timedelta

BACKOFF = (timedelta(minutes=2), timedelta(minutes=4), timedelta(minutes=8))
JITTER = 0.2  # share of the delay, either way, so that a provider's bad minute does not come back as a wave


def retry_delay(attempt: int, chance: random.Random) -> timedelta:
    """The wait after attempt number `attempt` (1 is the first): 2, 4, then 8 minutes, ± 20 %."""
    base = BACKOFF[min(attempt, len(BACKOFF)) - 1]
    return base * (1 + chance.uniform(-JITTER, JITTER))
