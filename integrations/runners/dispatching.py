"""Acting on stored webhook deliveries: claim many, read them, give everything they say to the receivers at once.

One delivery that cannot be read or applied harms only itself: a batch that fails is halved until the culprit is alone.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl

from django.db import OperationalError
from psycopg.errors import DeadlockDetected, LockNotAvailable, SerializationFailure

from agency.kit import metrics
from agency.kit.outages import is_outage
from integrations.errors import IntegrationError, clean_text
from integrations.events import (
    UNDATED,
    InboundFact,
    MessageEvent,
    ReceivedConnectionEvent,
    ReceivedEvent,
    ReceivedFact,
    ReceivedSecretEvent,
    ReceivedServiceEvent,
    SecretEvent,
    ServiceEvent,
)
from integrations.operations.inbound_events import (
    MAX_ATTEMPTS,
    ClaimedEvent,
    Settlement,
    claim_inbound_events,
    fail_inbound_event,
    settle_inbound_events,
)
from integrations.registry import service_module
from integrations.states import InboundState
from integrations.webhooks.request import UnreadablePayload

logger = logging.getLogger(__name__)

Deliver = Callable[[Sequence[ReceivedFact]], None]

BUDGET_SECONDS = 5.0  # after which the task makes room and wakes itself again
TRIES = 4  # of a transaction that PostgreSQL chose to end in favour of another


def dispatch_inbound(deliver: Deliver, budget_seconds: float = BUDGET_SECONDS) -> bool:
    """Apply what is due until nothing is left or the time is up. True when rows may be left."""
    ends = time.monotonic() + budget_seconds
    while time.monotonic() < ends:
        lease, claimed = claim_inbound_events()
        if not claimed:
            return False
        readable = [each for each in (_read(lease, event) for event in claimed) if each is not None]
        by_id = {event.id: event for event in claimed}
        _settle(lease, readable, by_id, deliver)
        metrics.add("inbound_events", len(claimed), outcome="dispatched")
    return True


def _read(lease: int, event: ClaimedEvent) -> Settlement | None:
    """What a delivery says, or None when it became a dead letter."""
    if event.attempt > MAX_ATTEMPTS:
        _bury(lease, event, "each attempt ended with its process", is_final=True)
        return None
    try:
        parse = service_module(event.service, "webhook").parse
        query = dict(parse_qsl(event.query, keep_blank_values=True, errors="replace"))
        facts: list[InboundFact] = parse(event.body, event.content_type, query)
    except (UnreadablePayload, IntegrationError, ImportError) as error:
        _bury(lease, event, str(error), is_final=True)
        return None
    except Exception as error:  # a mistake of ours in one service's reader must not stop the others
        logger.exception("webhook reader failed", extra={"service": event.service, "inbound_event": event.id})
        _bury(lease, event, f"{type(error).__name__}: {error}", is_final=True)
        return None
    return Settlement(event.id, tuple(_received(event, fact) for fact in facts))


def _received(event: ClaimedEvent, fact: InboundFact) -> ReceivedFact:
    """The fact with where it came from; an undated one happened when it arrived."""
    if fact.occurred_at is UNDATED:
        fact = replace(fact, occurred_at=event.received_at)
    if isinstance(fact, MessageEvent):
        return ReceivedEvent(event.id, event.received_at, event.service, event.connection_id, fact)
    if isinstance(fact, ServiceEvent):
        return ReceivedServiceEvent(event.id, event.received_at, event.service, event.connection_id, fact)
    if isinstance(fact, SecretEvent):
        return ReceivedSecretEvent(event.id, event.received_at, event.service, event.connection_id, fact)
    return ReceivedConnectionEvent(event.id, event.received_at, event.service, event.connection_id, fact)


def _settle(
    lease: int, settlements: Sequence[Settlement], claimed: Mapping[int, ClaimedEvent], deliver: Deliver
) -> None:
    """Settle all in one transaction; when that fails, each half by itself, in order, until the culprit is alone."""
    if not settlements:
        return
    error = _refusal(lease, settlements, deliver)
    if error is None:
        return
    if len(settlements) > 1:
        middle = len(settlements) // 2
        _settle(lease, settlements[:middle], claimed, deliver)
        _settle(lease, settlements[middle:], claimed, deliver)
        return
    event = claimed[settlements[0].inbound_event_id]
    logger.error(
        "inbound event not applied",
        extra={"service": event.service, "inbound_event": event.id, "attempt": event.attempt},
        exc_info=error,
    )
    _bury(lease, event, f"{type(error).__name__}: {error}", is_final=False)


def _refusal(lease: int, settlements: Sequence[Settlement], deliver: Deliver) -> Exception | None:
    """What made the transaction impossible, or None. Raises when the database itself is in trouble."""
    try:
        _settle_persistently(lease, settlements, deliver)
    except Exception as error:
        if is_outage(error):
            raise  # nobody is to blame: the lease ends by itself
        return error
    return None


def _settle_persistently(lease: int, settlements: Sequence[Settlement], deliver: Deliver) -> None:
    """Once more when the transaction lost a deadlock: it was undone as a whole."""
    for rest in reversed(range(TRIES)):
        try:
            settle_inbound_events(lease=lease, settlements=settlements, deliver=deliver)
            return
        except OperationalError as error:
            lost = isinstance(error.__cause__, DeadlockDetected | SerializationFailure | LockNotAvailable)
            if not lost or not rest:
                raise
            time.sleep(0.02 * (TRIES - rest))


def _bury(lease: int, event: ClaimedEvent, error: str, *, is_final: bool) -> None:
    """Note the failure: the first line of the error only, since PostgreSQL writes row values into the next."""
    state = fail_inbound_event(lease=lease, event=event, error=clean_text(error.partition("\n")[0]), is_final=is_final)
    if state is not None:
        metrics.add("inbound_events", outcome="failed" if state is InboundState.FAILED else "postponed")
        logger.warning(
            "inbound event failed",
            extra={"service": event.service, "inbound_event": event.id, "state": state.name, "attempt": event.attempt},
        )
