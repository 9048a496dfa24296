"""Running a fallback chain: one service after the other until one has done it, each asked at most once.

    def ask(hop: Hop) -> Completion:
        return cast(LanguageModel, build_client(hop.connection, capability="language")).complete(question)

    done = run_chain("language.writing", ask, client_id=client.pk)
    done.answer, done.hop.connection.service, done.hop.position

Repetitions at one service are its client's (`integrations.calling`); the chain goes on when that service has finally failed. Each
attempt is a row (`ChainAttempt`), written before the service is asked. What happens when nobody was able to (`ChainExhausted`) is the
capability's: a stale result, a list for a person, a notice (docs/decisions/0215-fallback-chains.md).
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from integrations.calling.calls import outcome_of, refuse_inside_transaction
from integrations.calling.ledger import present_purpose
from integrations.calling.policy import Effect
from integrations.chains import Chain, chain_of
from integrations.connections import facts_of
from integrations.errors import AcceptedBefore, IntegrationError, NotConfigured, Refused, TemporaryFailure
from integrations.facts import ConnectionFacts
from integrations.operations.chains import begin_attempt, end_attempt
from integrations.selectors.chains import attempts_of, hops_of
from integrations.states import CallOutcome

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Hop:
    """One connection of a chain, with its place in it (1 is the first)."""

    position: int
    connection: ConnectionFacts


@dataclass(frozen=True, slots=True)
class Completed(Generic[Answer]):
    """What a chain brought, who did it, and the errors of those asked before, in order."""

    answer: Answer
    hop: Hop
    failures: tuple[IntegrationError, ...]


class ChainExhausted(IntegrationError):
    """Every connection was asked and none has done it; surely none, where the chain creates something. Do the last step."""

    def __init__(self, chain: Chain, failures: tuple[IntegrationError, ...]) -> None:
        self.failures = failures
        last = failures[-1]
        text = "; ".join(f"{error.service}: {error.code or type(error).__name__}" for error in failures)
        super().__init__(chain.name, "chain", last.code, text)

    @property
    def may_work_later(self) -> bool:
        """Whether some connection failed in a way that passes."""
        return any(isinstance(error, TemporaryFailure) for error in self.failures)


def run_chain(
    name: str, attempt: Callable[[Hop], Answer], *, client_id: int | None = None, key: str = ""
) -> Completed[Answer]:
    """Ask one connection after the other. `attempt` makes the whole call at one of them, and raises the errors of `integrations.errors`.

    `key` names what is to be done: a second run under the same key asks nobody whom the first has asked. Whatever creates something
    needs one that is the same in each try. Raises `NotConfigured` when nobody can be asked, `ChainExhausted` when all have failed, and
    the error itself where the chain must stop: after it something may have been created, or its declaration says so. Raises
    `TemporaryFailure` with code "may_have_happened" when an earlier run under the key may have created it. RuntimeError inside a
    database transaction; ValueError without a key where the chain creates.
    """
    refuse_inside_transaction()
    chain = chain_of(name)
    creates = chain.effect is Effect.CREATES
    if creates and not key:
        raise ValueError(f"{name} creates something: give the key that is the same in each try")
    key = key or uuid.uuid4().hex
    if creates and any(each.may_have_happened for each in attempts_of(chain, key)):
        raise _may_have_happened(chain)
    failures: list[IntegrationError] = []
    for position, connection in enumerate(hops_of(chain, client_id), start=1):
        begun = begin_attempt(
            chain=chain,
            key=key,
            client_id=client_id,
            connection_id=connection.pk,
            position=position,
            purpose=present_purpose(),
        )
        if begun is None:
            earlier = next(each for each in attempts_of(chain, key) if each.connection_id == connection.pk)
            if creates and earlier.may_have_happened:  # another process is at it just now
                raise _may_have_happened(chain)
            text = "asked before in this run"
            failures.append(Refused(connection.service, "chain", earlier.code or "asked_before", text))
            continue
        started = time.monotonic()
        try:
            hop = Hop(position, facts_of(connection))
            answer = attempt(hop)
        except IntegrationError as error:
            may_have_happened = isinstance(error, AcceptedBefore) or bool(getattr(error, "accepted_possible", False))
            end_attempt(
                attempt_id=begun.pk,
                outcome=outcome_of(error),
                may_have_happened=may_have_happened,
                milliseconds=_since(started),
                code=error.code or type(error).__name__,
                text=error.text,
            )
            if (creates and may_have_happened) or isinstance(error, (AcceptedBefore, *chain.stops_at)):
                raise
            failures.append(error)
            continue
        end_attempt(attempt_id=begun.pk, outcome=CallOutcome.OK, may_have_happened=True, milliseconds=_since(started))
        return Completed(answer, hop, tuple(failures))
    if all(isinstance(error, NotConfigured) for error in failures):
        text = failures[-1].text if failures else "no connection for it is enabled"
        raise NotConfigured(chain.name, "chain", failures[-1].code if failures else "no_connection", text)
    raise ChainExhausted(chain, tuple(failures))


def _may_have_happened(chain: Chain) -> TemporaryFailure:
    text = "an earlier try may have done it; nobody else is asked"
    return TemporaryFailure(chain.name, "chain", "may_have_happened", text, accepted_possible=True)


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
