"""What each service has cost and has left, for whoever shows it. The ledger of calls says so through `register_usage`; before it does, nothing is known."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Usage:
    """`quota_left` in words with its unit and period ("412 of 5,000 searches, until 1 Dec."); `cost_today` per currency."""

    quota_left: str = ""
    cost_today: Mapping[str, Decimal] = field(default_factory=dict)


UsageSource = Callable[[Collection[str]], Mapping[str, Usage]]
_sources: list[UsageSource] = []


def register_usage(source: UsageSource) -> None:
    """Let `source(slugs)` say what it knows of these services, in a bounded number of queries; registering twice is harmless. For `apps.py: ready()`."""
    if source not in _sources:
        _sources.append(source)


def service_usage(slugs: Collection[str]) -> dict[str, Usage]:
    """What is known of these services; one of which nothing is known is left out."""
    found: dict[str, Usage] = {}
    for source in _sources:
        found.update(source(slugs))
    return found
