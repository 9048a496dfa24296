"""From a provider's answer to what is recorded: pure, so that every row of the table can be tested."""

import random
from dataclasses import dataclass
from datetime import datetime

from integrations.capabilities.messages import Accepted, Recovery
from integrations.errors import (
    AcceptedBefore,
    AuthenticationFailed,
    IntegrationError,
    NotConfigured,
    RateLimited,
    Refused,
    SuppressReason,
    TemporaryFailure,
    UnexpectedResponse,
)
from messaging.operations.claiming import Claimed
from messaging.operations.recording import Outcome
from messaging.rules.retries import retry_delay
from messaging.states import Reason, RecipientState

REST_SECONDS = 300.0  # a row whose sender cannot log in waits so long; the sender is stopped meanwhile


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to record, and what the answer says about the sender and the address."""

    outcome: Outcome
    suppress: SuppressReason | None = None
    hold_sender: float = 0.0  # seconds during which nothing goes out through this sender
    stop_sender: str = ""  # why the sender must be stopped by us: its credentials do not work
    broken: bool = False  # counts against the sender's breaker


def verdict_of(
    row: Claimed,
    answer: Accepted | IntegrationError,
    *,
    recovery: Recovery,
    at: datetime,
    max_attempts: int,
    chance: random.Random,
) -> Verdict:
    """The table of engine.md: accepted, refused, retry, wait, or unknown when the provider may have accepted and cannot dedupe."""
    if isinstance(answer, Accepted):
        return Verdict(
            Outcome(
                row.recipient_id,
                RecipientState.SENT,
                provider_id=answer.provider_id,
                sent_at=at,
                values=row.rendered.values or None,
            )
        )
    code = answer.code or type(answer).__name__
    match answer:
        case RateLimited(accepted_possible=False):
            waiting = Outcome(
                row.recipient_id, RecipientState.PENDING, code=code, delay=answer.retry_after, uses_attempt=False
            )
            return Verdict(waiting, hold_sender=answer.retry_after if answer.scope == "sender" else 0.0)
        case AuthenticationFailed() | NotConfigured():
            waiting = Outcome(
                row.recipient_id, RecipientState.PENDING, code=code, delay=REST_SECONDS, uses_attempt=False
            )
            return Verdict(waiting, stop_sender=answer.text or code)
        case AcceptedBefore():
            return Verdict(_unknown(row, code))
        case Refused():
            refused = Outcome(row.recipient_id, RecipientState.FAILED, Reason.PROVIDER_REFUSED, code=code)
            return Verdict(refused, suppress=answer.suppress)
        case TemporaryFailure() | UnexpectedResponse():
            # With no attempt left it is no dead letter either: days later the provider has forgotten our key.
            if answer.accepted_possible and (row.attempt >= max_attempts or recovery is not Recovery.DEDUPE):
                return Verdict(_unknown(row, code), broken=True)
            again = _retry(row, code, max_attempts, chance, maybe_sent_at=at if answer.accepted_possible else None)
            return Verdict(again, broken=True)
        case _:
            return Verdict(_retry(row, code, max_attempts, chance), broken=True)


def _unknown(row: Claimed, code: str) -> Outcome:
    return Outcome(
        row.recipient_id,
        RecipientState.UNKNOWN,
        Reason.LEASE_EXPIRED,
        code=code,
        values=row.rendered.values or None,
    )


def _retry(
    row: Claimed, code: str, max_attempts: int, chance: random.Random, maybe_sent_at: datetime | None = None
) -> Outcome:
    if row.attempt >= max_attempts:
        if row.doubted:  # surely not this time, but perhaps before
            return _unknown(row, code)
        return Outcome(row.recipient_id, RecipientState.FAILED, Reason.ATTEMPTS_EXHAUSTED, code=code)
    return Outcome(
        row.recipient_id,
        RecipientState.PENDING,
        code=code,
        delay=retry_delay(row.attempt, chance).total_seconds(),
        sent_at=maybe_sent_at,
        values=(row.rendered.values or None) if maybe_sent_at else None,
    )
