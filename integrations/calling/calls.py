"""One call of a service, as every client makes it: through the gate, repeated only where that is safe, and noted in the ledger.

A client holds one `Calls` and wraps each method of its SDK:

    def post_message(self, channel: str, text: str) -> PostedMessage:
        answer = self._calls.run(POST_MESSAGE, lambda seconds: self._sdk.chat_postMessage(channel=channel, text=text))

What the SDK raises is turned into an error of `integrations.errors` by the client's `translate`; see `integrations.calling.network`.
"""

import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import stamina
from django.db import transaction
from django.utils import timezone

from integrations.calling.costs import cost_of
from integrations.calling.gate import Gate
from integrations.calling.ledger import note, present_purpose
from integrations.calling.network import network_failure
from integrations.calling.policy import CallPolicy, Effect, Operation
from integrations.errors import IntegrationError, RateLimited, Refused, TemporaryFailure, UnexpectedResponse
from integrations.facts import ConnectionFacts
from integrations.operations.api_calls import CallEntry
from integrations.registry import manifest_of
from integrations.selectors.policies import policy_of
from integrations.states import CallOutcome

Answer = TypeVar("Answer")

# What an SDK's exception means, or None when it is no failure of the service but a defect of ours.
Translate = Callable[[str, Exception], IntegrationError | None]
SHORTEST_ATTEMPT = 0.5  # seconds; with less left another attempt is not worth its request
LEAST_SECONDS = 0.1  # on a machine that stood still between two attempts there may be none left; SDKs refuse 0
NOT_ASKED = frozenset({"breaker_open", "bulkhead_full", "paused"})

_bulkheads: dict[str, threading.BoundedSemaphore] = {}
_lock = threading.Lock()


class Calls:
    """The calls of one connection. Safe to share between threads."""

    def __init__(self, connection: ConnectionFacts, translate: Translate) -> None:
        """Read the service's policy and prices. Raises `NotConfigured` for an unknown service."""
        self._connection = connection
        self._translate = translate
        manifest = manifest_of(connection.service)
        self._operations = {operation.name: operation for operation in manifest.operations}
        self._prices = manifest.costs
        self.policy: CallPolicy = policy_of(connection.service)
        self.gate = Gate(connection.service, connection.id, self.policy)

    def run(
        self,
        name: str,
        attempt: Callable[[float], Answer],
        *,
        tokens: int = 0,
        used: Callable[[Answer], Mapping[str, int]] | None = None,
    ) -> Answer:
        """Make one call. `attempt` gets the seconds it may take; `tokens` is what it will roughly use up of a token quota.

        `used` reads from the answer what is paid for, by the units of the manifest's costs (not given: one of the operation's unit).
        Raises the errors of `integrations.errors`, and RuntimeError inside a database transaction.
        """
        refuse_inside_transaction()
        run = _Run(self._operations[name], self.policy)
        try:
            for again in stamina.retry_context(on=run.wait, attempts=self.policy.attempts, timeout=None):
                with again:
                    run.tries += 1
                    answer = self._once(run, attempt, tokens)
        except IntegrationError as error:
            self._note(run, outcome_of(error), code=error.code)
            raise
        unit = run.operation.unit
        self._note(run, CallOutcome.OK, units=used(answer) if used is not None else {unit: 1} if unit else {})
        return answer

    def _once(self, run: "_Run", attempt: Callable[[float], Answer], tokens: int) -> Answer:
        operation, seconds = run.operation, max(LEAST_SECONDS, run.seconds_left)
        with _Place(self._connection.service, operation, self.policy, seconds):
            self.gate.admit(operation, tokens=tokens)
            try:
                answer = attempt(seconds)
            except Exception as found:
                error = self._named(operation, found)
                if error is None:
                    raise
                self._judge(error)
                raise error from None  # the cause may quote headers, parameters and addresses
        self.gate.well()
        return answer

    def _named(self, operation: Operation, found: Exception) -> IntegrationError | None:
        if isinstance(found, IntegrationError):
            return found
        return self._translate(operation.name, found) or network_failure(
            self._connection.service, operation.name, found
        )

    def _judge(self, error: IntegrationError) -> None:
        """Tell the gate what the error says about the service, not about our request."""
        if isinstance(error, RateLimited):
            if error.scope == "sender":
                self.gate.pause(error.retry_after)
            self.gate.well()
        elif isinstance(error, TemporaryFailure | UnexpectedResponse):
            self.gate.failed()
        else:
            self.gate.well()

    def _note(
        self, run: "_Run", outcome: CallOutcome, *, code: str = "", units: Mapping[str, int] | None = None
    ) -> None:
        cost, currency = cost_of(self._prices, units or {})
        note(
            CallEntry(
                called_at=timezone.now(),
                service=self._connection.service,
                connection_id=self._connection.id,
                operation=run.operation.name,
                outcome=outcome,
                code=code[:60],
                milliseconds=round((time.monotonic() - run.started) * 1000),
                attempts=run.tries,
                calls=1,
                units=sum((units or {}).values()),
                cost=cost,
                currency=currency,
                purpose=present_purpose(),
            )
        )


class _Run:
    """One call with its attempts."""

    def __init__(self, operation: Operation, policy: CallPolicy) -> None:
        self.operation = operation
        self.policy = policy
        self.started = time.monotonic()
        self.tries = 0

    @property
    def seconds_left(self) -> float:
        """What the call may still take."""
        return self.policy.timeout - (time.monotonic() - self.started)

    def wait(self, error: Exception) -> bool | float:
        """Seconds until the next attempt (stamina logs it), or False: when repeating is unsafe, of no use, or would take too long."""
        if not isinstance(error, TemporaryFailure) or error.code == "breaker_open":
            return False
        if error.accepted_possible and self.operation.effect is Effect.CREATES:
            return False
        if isinstance(error, RateLimited):
            wait = error.retry_after + random.uniform(0, 0.25)
        else:
            longest = min(self.policy.longest_wait, self.policy.first_wait * 2 ** (self.tries - 1))
            wait = longest * random.uniform(0.75, 1.25)
        if self.tries >= self.policy.attempts or wait + SHORTEST_ATTEMPT > self.seconds_left:
            return False
        return wait


class _Place:
    """A place in the service's bulkhead, so that one slow service cannot hold every thread of a process."""

    def __init__(self, service: str, operation: Operation, policy: CallPolicy, seconds: float) -> None:
        self._service, self._operation, self._seconds = service, operation, seconds
        with _lock:
            self._places = _bulkheads.setdefault(service, threading.BoundedSemaphore(policy.concurrent))

    def __enter__(self) -> None:
        if not self._places.acquire(timeout=max(0.0, self._seconds)):
            text = "too many calls of this service at once from this process"
            raise TemporaryFailure(self._service, self._operation.name, "bulkhead_full", text, accepted_possible=False)

    def __exit__(self, *args: object) -> None:
        self._places.release()


def outcome_of(error: IntegrationError) -> CallOutcome:
    """How the ledger names an error."""
    if error.code in NOT_ASKED or error.code.startswith("quota_"):
        return CallOutcome.NOT_ASKED
    match error:
        case RateLimited():
            return CallOutcome.RATE_LIMITED
        case TemporaryFailure():
            return CallOutcome.UNKNOWN if error.accepted_possible else CallOutcome.FAILED
        case Refused():
            return CallOutcome.REFUSED
        case UnexpectedResponse():
            return CallOutcome.UNEXPECTED
        case _:
            return CallOutcome.UNUSABLE


def refuse_inside_transaction() -> None:
    """Raise RuntimeError when a transaction is open (a test's own excepted): the network must not hold locks."""
    connection = transaction.get_connection()
    blocks = connection.atomic_blocks
    if connection.in_atomic_block and not (blocks and blocks[-1]._from_testcase):
        raise RuntimeError("a service was called inside a database transaction")
