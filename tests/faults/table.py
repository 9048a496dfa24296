"""The table of faults: each row says what is injected, what must hold, and within how many seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.ground import Ground

MAX_UNKNOWN = 400  # rows that one killed process may leave unknown


class Broken(AssertionError):
    """A promise was not kept; the text says which, with the numbers."""


@dataclass(frozen=True, slots=True)
class Row:
    """One fault. `seconds` is the promised recovery time; the row fails at twice that. `play` injects it and returns the measured time."""

    name: str
    injects: str
    holds: str
    seconds: float
    short: bool
    play: Callable[[Ground], float]


ROWS: dict[str, Row] = {}


def fault(
    name: str, *, injects: str, holds: str, seconds: float, short: bool = False
) -> Callable[[Callable[[Ground], float]], Callable[[Ground], float]]:
    """Add a function to the table; rows run in the order they were added, the short ones first."""

    def add(play: Callable[[Ground], float]) -> Callable[[Ground], float]:
        ROWS[name] = Row(name, injects, holds, seconds, short, play)
        return play

    return add


def in_order(*, short: bool) -> list[Row]:
    """The rows to run: the short ones first, the seeded mix last of its kind."""
    rows = sorted(ROWS.values(), key=lambda row: not row.short)
    return [row for row in rows if row.short or not short]
