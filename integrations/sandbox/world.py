"""What all imitated services share: time, people, faults, the log, the phones and the postman."""

from __future__ import annotations

import abc
import hashlib
import itertools
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .account_file import AccountFile
from .behaviour import Behaviour, FailureCode, Journey, Shares, Step
from .clock import Clock
from .faults import FaultKind, Faults
from .log import Acceptance, AcceptanceLog, body_digest
from .phones import Phones, SandboxMessage
from .postman import Postman
from .routes import Routes
from .wire import Request, Response

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


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


class Imitation(abc.ABC):
    """One imitated service, mounted at `/<slug>`."""

    slug: str
    title: str
    failure_codes: tuple[FailureCode, ...]
    routes: Routes

    def __init__(self, world: World) -> None:
        self.world = world

    @property
    def operations(self) -> tuple[str, ...]:
        """The names that a fault may be narrowed to."""
        return self.routes.operations

    def address(self, host: str) -> str:
        """Where a client finds this service, when the sandbox's own host and port are `host`."""
        return f"http://{host}/{self.slug}"

    def match(self, method: str, path: str) -> tuple[str, tuple[str, ...]] | None:
        """The operation that a request is for, with what the path names; None = the service has no such route."""
        return self.routes.match(method, path)

    def sender_of(self, operation: str, arguments: tuple[str, ...], request: Request) -> str:
        """Which of our sender identities a request uses, for faults that concern one sender only."""
        return arguments[0] if arguments else ""

    @abc.abstractmethod
    def answer(self, operation: str, arguments: tuple[str, ...], request: Request) -> Response:
        """Do what the request says and answer as the provider would."""

    @abc.abstractmethod
    def unknown_route(self, request: Request) -> Response:
        """The provider's answer to a path it does not have."""

    @abc.abstractmethod
    def rate_limited(self, retry_after: float) -> Response:
        """The provider's answer to too many requests."""

    @abc.abstractmethod
    def broken(self) -> Response:
        """The provider's answer when it fails itself."""

    @abc.abstractmethod
    def refusal(self, code: str) -> Response:
        """The provider's answer with one of its error codes."""

    @abc.abstractmethod
    def codes(self) -> Collection[str]:
        """The error codes that `refusal` knows."""

    @abc.abstractmethod
    def open_account(self, given: dict[str, Any]) -> dict[str, Any]:
        """Register (or replace) an account; returns everything a client needs. Raises ControlRefused."""

    @abc.abstractmethod
    def accounts(self) -> list[dict[str, Any]]:
        """What is registered."""

    @abc.abstractmethod
    def report(self, message: SandboxMessage, step: Step) -> None:
        """Send the webhook for one step of a message, if the account wants it."""

    @abc.abstractmethod
    def write(self, account: str, address: str, text: str, about: SandboxMessage | None = None) -> str:
        """A person writes to an account, perhaps about a message: send the inbound webhook; returns its id.

        Raises ControlRefused.
        """

    def react(self, message: SandboxMessage, words: str) -> None:
        """The person reacts to a message in words, or leaves the list, as one does in this channel."""
        self.write(message.account, message.to, words, message)

    def remember(self, account: str, idempotency_key: str, digest: str, provider_id: str) -> None:  # noqa: B027
        """An acceptance that an earlier run of the sandbox logged; only services that dedupe care."""

    def faults_changed(self) -> None:  # noqa: B027
        """Faults were switched on or off; only services with instances care."""

    def clear(self) -> None:  # noqa: B027
        """Forget messages, keep accounts."""


def known_fields(kind: type[DataclassInstance], given: Mapping[str, Any]) -> dict[str, Any]:
    """The given fields of an account. Raises ControlRefused for one it does not have."""
    known = {each.name for each in fields(kind)}
    if unknown := set(given) - known:
        raise ControlRefused(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
    return dict(given)


class World:
    """Everything the services share."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.settings = settings
        self.clock = Clock(settings.time_scale)
        self.faults = Faults(settings.seed)
        self.behaviour = Behaviour(settings.seed, settings.shares)
        self.log = AcceptanceLog(settings.log)
        self.account_file = AccountFile(settings.log)
        self.phones = Phones()
        self.postman = Postman(self.clock, self.faults, settings.webhooks_to)
        self.counts: dict[str, int] = {}
        self._salt = os.urandom(16)
        self._ids = itertools.count(1)
        self._have_replied: set[tuple[str, str]] = set()

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

    def clear(self) -> None:
        """Forget messages, faults, outcomes and what was to happen; empty the log; keep the shares."""
        self.faults.clear()
        self.clock.clear()
        self.postman.clear()
        self.postman.hold(False)
        self.phones.clear()
        self.behaviour.outcomes.clear()
        self.counts.clear()
        self.log.clear()
        self._have_replied.clear()

    def wrote(self, service: Imitation, account: str, address: str, text: str) -> None:
        """Note on the phone that its owner wrote."""
        self.phones.note(address, self.clock.now(), service.slug, account, text)
        self.count(f"written.{service.slug}")

    def _step(self, service: Imitation, message: SandboxMessage, journey: Journey, index: int) -> None:
        step = journey.steps[index][0]
        if step is Step.REPLIED:
            # Once is enough: otherwise a person and an automatic answer would write to each other for ever.
            if (service.slug, message.to) in self._have_replied:
                return
            self._have_replied.add((service.slug, message.to))
        message.state, message.state_at = step, self.clock.now()
        self.count(f"{step.value}.{service.slug}")
        following = journey.steps[index + 1 : index + 2]
        if not self.faults or not self._detour(service, message, journey, step, following[0][1] if following else 0.0):
            self._report(service, message, journey, step)
        if following:
            self.clock.later(following[0][1], self._step, service, message, journey, index + 1)

    def _report(self, service: Imitation, message: SandboxMessage, journey: Journey, step: Step) -> None:
        if step is Step.REPLIED:
            service.react(message, journey.words)
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
