"""How a service may be called: declared in its manifest, the same names for each."""

import enum
from dataclasses import dataclass


class Effect(enum.Enum):
    """What an operation does at the service, and so whether it may be repeated when nobody knows if it was accepted."""

    READS = "reads"  # changes nothing: repeat freely
    SETS = "sets"  # a second acceptance leaves things as the first did, or the provider drops it: repeat freely
    CREATES = "creates"  # each acceptance is one more: never repeated once it may have been accepted


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing a service does for us, as its client, its sandbox, its tests and the ledger of calls name it.

    `weight` is what one call uses up of a quota counted in weight; `unit` is what one call pays for (a unit of the manifest's costs),
    where the answer does not say how much it was.
    """

    name: str
    effect: Effect = Effect.READS
    weight: int = 1
    unit: str = ""


class Span(enum.Enum):
    """The span of a quota, in seconds; a month is the calendar's, in UTC."""

    MINUTE = 60
    HOUR = 3_600
    DAY = 86_400
    MONTH = 2_678_400


class Unit(enum.Enum):
    """What a quota counts."""

    CALLS = "calls"
    WEIGHT = "weight"
    TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `limit` of `unit` in a span, for one connection, all processes together."""

    span: Span
    limit: int
    unit: Unit = Unit.CALLS


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """Times are in seconds. `timeout` covers a call with all its attempts and the waits between them.

    `breaker_failures` in a row open the breaker of a connection; after `breaker_rest` one call alone may try again.
    `concurrent` is the bulkhead: calls at once from one process.
    """

    timeout: float = 30.0
    attempts: int = 3
    first_wait: float = 2.0
    longest_wait: float = 30.0
    breaker_failures: int = 5
    breaker_rest: float = 60.0
    concurrent: int = 16
    quotas: tuple[Quota, ...] = ()
