"""What people do with what they receive, decided by seed and address alone, so in any order the same."""

from __future__ import annotations

import enum
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from statistics import NormalDist
from struct import unpack
from typing import Any

STOP_WORDS = ("SAIR", "Parar", "stop", "PARE", "sair", "Cancelar")
REPLIES = (
    "Oi! Quero saber mais",
    "Qual o valor?",
    "Obrigado!",
    "Vocês entregam em Recife?",
    "Pode me ligar amanhã?",
    "Tem no tamanho M?",
    "👍",
)

_NORMAL = NormalDist()
SLOWEST_RANK = _NORMAL.cdf(2.5)  # nobody is slower than this part of people: a demo has an end


class Step(enum.StrEnum):
    """What may happen to an accepted message."""

    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    CLICKED = "clicked"
    FAILED = "failed"
    REPLIED = "replied"
    COMPLAINED = "complained"


@dataclass(frozen=True, slots=True)
class FailureCode:
    """A provider's code for a message that was accepted and failed later, and how common it is among failures."""

    code: str
    weight: float


@dataclass(frozen=True, slots=True)
class Shares:
    """How people behave. `failed` and `undelivered` are shares of all, `read` of the delivered, the rest of the readers.

    Medians are provider seconds after the step before; each delay is log-normal with `spread` as its sigma.
    """

    failed: float = 0.03
    undelivered: float = 0.02
    read: float = 0.64
    clicked: float = 0.08
    replied: float = 0.05
    stopped: float = 0.015
    complained: float = 0.001
    sent_median: float = 0.7
    delivered_median: float = 2.5
    read_median: float = 150.0
    acted_median: float = 90.0
    spread: float = 0.9
    usernames: float = 0.0

    def changed(self, changes: Mapping[str, Any]) -> Shares:
        """A copy with some values changed. Raises ValueError for an unknown name or an impossible value."""
        known = {each.name for each in fields(self)}
        if unknown := set(changes) - known:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
        numbers = {name: float(value) for name, value in changes.items()}
        for name, value in numbers.items():
            if value < 0 or (value > 1 and not name.endswith("_median") and name != "spread"):
                raise ValueError(f"{name} must be a share between 0 and 1")
        return replace(self, **numbers)


@dataclass(frozen=True, slots=True)
class Journey:
    """What will happen to one message: steps with provider seconds after the step before; `code` if it fails."""

    steps: tuple[tuple[Step, float], ...]
    code: str = ""
    words: str = ""
    hides_number: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """A fate set by hand: the last step an address reaches (`replied` with these words, `failed` with this code)."""

    last: Step
    code: str = ""
    words: str = ""


class Behaviour:
    """Decides journeys."""

    def __init__(self, seed: str, shares: Shares) -> None:
        self.seed = seed
        self.shares = shares
        self.outcomes: dict[str, Outcome] = {}

    def journey(
        self, service: str, address: str, codes: Sequence[FailureCode], preset: Outcome | None = None
    ) -> Journey:
        """The fate of a message to this address; `preset` is what the provider fixes for a test address of its own."""
        dice = _dice(f"{self.seed}|{service}|{address}")
        outcome = self.outcomes.get(address, preset)
        if outcome is not None:
            return self._journey_to(outcome, dice, codes)
        shares = self.shares
        fate, hidden = dice[0], dice[7] < shares.usernames
        if fate < shares.failed:
            return self._journey_to(Outcome(Step.FAILED), dice, codes)
        sent = (Step.SENT, self._delay(shares.sent_median, dice[1]))
        if fate < shares.failed + shares.undelivered:
            return Journey((sent,), hides_number=hidden)
        delivered = (Step.DELIVERED, self._delay(shares.delivered_median, dice[2]))
        if dice[3] >= shares.read:
            return Journey((sent, delivered), hides_number=hidden)
        seen = (Step.READ, self._delay(shares.read_median, dice[4]))
        act = dice[5]
        pause = self._delay(shares.acted_median, dice[6])
        if act < shares.stopped:
            return Journey((sent, delivered, seen, (Step.REPLIED, pause)), words=_pick(STOP_WORDS, dice[7]))
        act -= shares.stopped
        if act < shares.replied:
            return Journey((sent, delivered, seen, (Step.REPLIED, pause)), words=_pick(REPLIES, dice[7]))
        act -= shares.replied
        if act < shares.clicked:
            return Journey((sent, delivered, seen, (Step.CLICKED, pause)), hides_number=hidden)
        act -= shares.clicked
        if act < shares.complained:
            return Journey((sent, delivered, seen, (Step.COMPLAINED, pause)), hides_number=hidden)
        return Journey((sent, delivered, seen), hides_number=hidden)

    def _journey_to(self, outcome: Outcome, dice: Sequence[float], codes: Sequence[FailureCode]) -> Journey:
        shares = self.shares
        if outcome.last is Step.ACCEPTED:
            return Journey(())
        sent = (Step.SENT, self._delay(shares.sent_median, dice[1]))
        if outcome.last is Step.FAILED:
            return Journey(((Step.FAILED, sent[1]),), code=outcome.code or _weighted(codes, dice[3]))
        steps = [sent]
        for step, median, throw in (
            (Step.DELIVERED, shares.delivered_median, dice[2]),
            (Step.READ, shares.read_median, dice[4]),
        ):
            if outcome.last is steps[-1][0]:
                return Journey(tuple(steps))
            steps.append((step, self._delay(median, throw)))
        if outcome.last is not Step.READ:
            steps.append((outcome.last, self._delay(shares.acted_median, dice[6])))
        return Journey(tuple(steps), words=outcome.words or _pick(REPLIES, dice[7]))

    def _delay(self, median: float, throw: float) -> float:
        rank = min(max(throw, 1 - SLOWEST_RANK), SLOWEST_RANK)
        return median * math.exp(self.shares.spread * _NORMAL.inv_cdf(rank))


def _dice(key: str) -> list[float]:
    """Eight numbers strictly between 0 and 1, the same for the same key on any machine."""
    digest = hashlib.blake2b(key.encode(), digest_size=64).digest()
    return [((number >> 11) + 0.5) / 2**53 for number in unpack(">8Q", digest)]


def _pick(words: Sequence[str], throw: float) -> str:
    return words[int(throw * len(words))]


def _weighted(codes: Sequence[FailureCode], throw: float) -> str:
    if not codes:
        return ""
    rest = throw * sum(code.weight for code in codes)
    for code in codes:
        rest -= code.weight
        if rest < 0:
            return code.code
    return codes[-1].code
