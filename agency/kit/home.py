"""What the home page shows, filled by the packages: each declares sources in its admin, and none knows the page.

    register_needs(campaigns_that_need_somebody)      # (user) -> Iterable[Need], at import of the package's admin
    register_movers(runs_in_progress)                 # (user) -> Iterable[Mover]
    register_figures(weekly_figures)                  # (user) -> Iterable[Figure]

A source narrows by what the signed-in person sees and may do, answers from totals in a bounded number of queries, and returns few lines.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Tone(StrEnum):
    """What a colour means, everywhere: waiting grey, moving blue, done green, look amber, broken red."""

    WAITING = "waiting"
    MOVING = "moving"
    DONE = "done"
    LOOK = "look"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Need:
    """Something a person should do now: what it is about, a sentence that says why, and where to do it."""

    title: str
    text: str
    url: str
    tone: Tone
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Mover:
    """Something under way or due today. `percent` draws a bar; None where there is nothing to measure. `at` orders what is still to come."""

    title: str
    text: str
    url: str
    tone: Tone
    icon: str
    percent: float | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with what it is of, and how it was before: "97.1 %", "of 12,410 sent", "up 1.2 points"."""

    label: str
    value: str
    of: str
    trend: str
    rises: bool | None = None
    """Which way the arrow points; None without a comparison."""


_needs: list[Callable[[Any], Iterable[Need]]] = []
_movers: list[Callable[[Any], Iterable[Mover]]] = []
_figures: list[Callable[[Any], Iterable[Figure]]] = []


def register_needs(source: Callable[[Any], Iterable[Need]]) -> None:
    """Ask `source(user)` for what needs a person; registering twice is harmless."""
    if source not in _needs:
        _needs.append(source)


def register_movers(source: Callable[[Any], Iterable[Mover]]) -> None:
    """Ask `source(user)` for what is under way; registering twice is harmless."""
    if source not in _movers:
        _movers.append(source)


def register_figures(source: Callable[[Any], Iterable[Figure]]) -> None:
    """Ask `source(user)` for numbers of the last days; registering twice is harmless."""
    if source not in _figures:
        _figures.append(source)


def need_sources() -> tuple[Callable[[Any], Iterable[Need]], ...]:
    """Every source of needs, in order of registration."""
    return tuple(_needs)


def mover_sources() -> tuple[Callable[[Any], Iterable[Mover]], ...]:
    """Every source of movers."""
    return tuple(_movers)


def figure_sources() -> tuple[Callable[[Any], Iterable[Figure]], ...]:
    """Every source of figures."""
    return tuple(_figures)
