"""One round of one side, and how its rate is read."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg

WARM_SECONDS = 3.0  # after the first message; caches, pools and connections are there by then
SECONDS = 20.0  # counted


@dataclass(frozen=True, slots=True)
class Round:
    """`rate` is messages recorded as sent per second over `seconds`."""

    side: str
    rate: float
    seconds: float


def measure(
    side: str, database_url: str, count: str, people: int, *, begin: Callable[[], None] = lambda: None
) -> Round:
    """Count recorded messages (`count` is SQL) at the beginning and end of the window, once sending has begun and warmed up.

    Raises RuntimeError when the side begins too late, or has sent to all its `people` before the window ends: it would read too low.
    """
    with psycopg.connect(database_url, autocommit=True) as connection:

        def recorded() -> int:
            row = connection.execute(count).fetchone()
            return int(row[0]) if row else 0

        begin()
        deadline = time.monotonic() + 120
        while recorded() == 0:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{side} sent nothing in two minutes")
            time.sleep(0.1)
        time.sleep(WARM_SECONDS)
        first, begun = recorded(), time.monotonic()
        time.sleep(SECONDS)
        last, ended = recorded(), time.monotonic()
        if last >= people:
            raise RuntimeError(f"{side} ran out of its {people:,} people before the window ended")
    return Round(side, (last - first) / (ended - begun), ended - begun)
