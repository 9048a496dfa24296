"""What all imitated services share: time, people, faults, the log, the phones and the postman."""

from __future__ import annotations

import hashlib
import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .behaviour import Behaviour, FailureCode, Journey, Shares, Step
from .clock import Clock
from .faults import FaultKind, Faults
from .log import Acceptance, AcceptanceLog, body_digest
from .phones import Phones, SandboxMessage
from .postman import Postman
from .wire import Request, Response


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """How one sandbox is started. `time_scale` is provider seconds per real second; ports 0 = any free one."""

    log: Path
    host: str = "127.0.0.1"
    port: int = 0
    smtp_port: int = 0
    seed: str = "batuta"
    time_scale: float = 60.0
    webhooks_to: str = ""
    shares: Shares = field(default_factory=Shares)
    real_limits: bool = False


class ControlRefused(ValueError):
    """What the control API was asked makes no sense; the text says why."""


class Imitation(Protocol):
    """One imitated service, mounted at `/<slug>`."""

    slug: str
    title: str
    operations: tuple[str, ...]
    failure_codes: tuple[FailureCode, ...]

    def match(self, method: str, path: str) -> tuple[str, tuple[str, ...]] | None:
        """The operation that a request is for, with what the path names; None = the service has no such route."""

    def sender_of(self, operation: str, arguments: tuple[str, ...], request: Request) -> str:
        """Which of our sender identities a request uses, for faults that concern one sender only."""

    def answer(self, operation: str, arguments: tuple[str, ...], request: Request) -> Response:
        """Do what the request says and answer as the provider would."""

    def unknown_route(self, request: Request) -> Response:
        """The provider's answer to a path it does not have."""

    def rate_limited(self, retry_after: float) -> Response:
        """The provider's answer to too many requests."""

    def broken(self) -> Response:
        """The provider's answer when it fails itself."""

    def refusal(self, code: str) -> Response:
        """The provider's answer with one of its error codes. Raises ControlRefused for one it does not have."""

    def remember(self, account: str, idempotency_key: str, digest: str, provider_id: str) -> None:
        """An acceptance that an earlier run of the sandbox logged, for services that dedupe."""

    def open_account(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Register (or replace) an account; returns everything a client needs. Raises ControlRefused."""

    def accounts(self) -> list[dict[str, Any]]:
        """What is registered."""

    def report(self, message: SandboxMessage, step: Step) -> None:
        """Send the webhook for one step of a message, if the account wants it."""

    def say(self, account: str, address: str, text: str) -> str:
        """A person writes to this account: send the inbound webhook; returns its id. Raises ControlRefused."""

    def reply(self, message: SandboxMessage, words: str) -> None:
        """The person reacts to a message in words, or leaves the list, as one does in this channel."""

    def faults_changed(self) -> None:
        """Faults were switched on or off (an instance may have gone)."""

    def clear(self) -> None:
        """Forget messages, keep accounts."""


class World:
    """Everything the services share."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.settings = settings
        self.clock = Clock(settings.time_scale)
        self.faults = Faults(settings.seed)
        self.behaviour = Behaviour(settings.seed, settings.shares)
        self.log = AcceptanceLog(settings.log)
        self.phones = Phones()
        self.postman = Postman(self.clock, self.faults, settings.webhooks_to)
        self.counts: dict[str, int] = {}
        self._salt = os.urandom(16)
        self._ids = itertools.count(1)

    def new_id(self, size: int = 16) -> bytes:
        """Random-looking bytes, never the same twice, not even over restarts: ids do not come from the seed."""
        return hashlib.blake2b(b"%d" % next(self._ids), key=self._salt, digest_size=size).digest()

    def count(self, what: str) -> None:
        """Add one to a number shown in the state."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def accept(
        self,
        service: Imitation,
        *,
        account: str,
        sender: str,
        to: str,
        provider_id: str,
        request_body: bytes,
        text: str,
        subject: str = "",
        reference: str = "",
        idempotency_key: str = "",
        wire: Any = None,
        journey: Journey | None = None,
    ) -> SandboxMessage:
        """Accept a message: log line first, then its phone and its journey. Raises OSError if the log fails."""
        now = self.clock.now()
        number = self.log.last_number + 1
        self.log.append(
            Acceptance(
                number=number,
                at=now,
                service=service.slug,
                account=account,
                sender=sender,
                to=to,
                reference=reference,
                idempotency_key=idempotency_key,
                provider_id=provider_id,
                digest=body_digest(request_body),
                subject=subject[:300],
                text=text[:2000],
            )
        )
        self.count(f"accepted.{service.slug}")
        message = SandboxMessage(
            number, now, service.slug, account, sender, to, reference, provider_id, subject, text[:2000], wire
        )
        self.phones.deliver(message)
        self.travel(service, message, journey or self.behaviour.journey(service.slug, to, service.failure_codes))
        return message

    def travel(self, service: Imitation, message: SandboxMessage, journey: Journey) -> None:
        """Start a message on its journey."""
        message.code = journey.code
        if journey.steps:
            self.clock.later(journey.steps[0][1], self._step, service, message, journey, 0)

    def wrote(self, service: Imitation, account: str, address: str, text: str) -> None:
        """Note on the phone that its owner wrote."""
        self.phones.note(address, self.clock.now(), service.slug, account, text)
        self.count(f"written.{service.slug}")

    def _step(self, service: Imitation, message: SandboxMessage, journey: Journey, index: int) -> None:
        step = journey.steps[index][0]
        message.state, message.state_at = step, self.clock.now()
        self.count(f"{step.value}.{service.slug}")
        following = journey.steps[index + 1 : index + 2]
        if not self.faults or not self._detour(service, message, journey, step, following[0][1] if following else 0.0):
            self._report(service, message, journey, step)
        if following:
            self.clock.later(following[0][1], self._step, service, message, journey, index + 1)

    def _report(self, service: Imitation, message: SandboxMessage, journey: Journey, step: Step) -> None:
        if step is Step.REPLIED:
            service.reply(message, journey.words)
        else:
            service.report(message, step)

    def _detour(
        self, service: Imitation, message: SandboxMessage, journey: Journey, step: Step, wait_of_next: float
    ) -> bool:
        """Whether a fault has taken the report of this step into its own hands."""
        if self.faults.strike_webhook(FaultKind.DROP_WEBHOOKS, service.slug, message.sender):
            return True
        delay = 0.0
        if fault := self.faults.strike_webhook(FaultKind.REORDER_WEBHOOKS, service.slug, message.sender):
            delay += wait_of_next / self.clock.scale + fault.seconds
        if fault := self.faults.strike_webhook(FaultKind.DELAY_WEBHOOKS, service.slug, message.sender):
            delay += fault.seconds
        if not delay:
            return False
        self.clock.after(delay, self._report, service, message, journey, step)
        return True
