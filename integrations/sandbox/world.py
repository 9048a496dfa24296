"""What all imitated services share: time, people, faults, the log, the phones and the postman."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from .account_file import AccountFile
from .behaviour import Behaviour, Journey, Shares, Step
from .clock import Clock
from .faults import FaultKind, Faults
from .log import Acceptance, AcceptanceLog, Write, body_digest
from .phones import Phones, SandboxMessage
from .postman import Postman

if TYPE_CHECKING:
    from .imitation import Imitation, MessagingImitation

MAX_RECENT_WRITES = 200
MAX_WRITE_TEXT = 4000


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
        self.recent_writes: deque[Write] = deque(maxlen=MAX_RECENT_WRITES)
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
        service: MessagingImitation,
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

    def record_write(
        self,
        service: Imitation,
        *,
        account: str,
        operation: str,
        reference: str = "",
        body: Any = b"",
        provider_id: str = "",
        idempotency_key: str = "",
    ) -> Write:
        """Note that a client changed something at a service, before the answer leaves; for all but sent messages.

        `reference` is what the client calls it (a name, a key), `provider_id` the id the service gave it. `body` is what
        was written: bytes as they came, or anything that JSON can say. Raises OSError if the log fails: nothing happened.
        """
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        write = Write(
            number=self.log.last_write + 1,
            at=self.clock.now(),
            service=service.slug,
            account=account,
            operation=operation,
            reference=reference,
            idempotency_key=idempotency_key,
            provider_id=provider_id,
            digest=body_digest(content),
            text=content[:MAX_WRITE_TEXT].decode("utf-8", "replace"),
        )
        self.log.append_write(write)
        self.count(f"writes.{service.slug}.{operation}")
        self.recent_writes.append(write)
        return write

    def travel(self, service: MessagingImitation, message: SandboxMessage, journey: Journey) -> None:
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
        self.recent_writes.clear()
        self._have_replied.clear()

    def wrote(self, service: MessagingImitation, account: str, address: str, text: str) -> None:
        """Note on the phone that its owner wrote."""
        self.phones.note(address, self.clock.now(), service.slug, account, text)
        self.count(f"written.{service.slug}")

    def _step(self, service: MessagingImitation, message: SandboxMessage, journey: Journey, index: int) -> None:
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

    def _report(self, service: MessagingImitation, message: SandboxMessage, journey: Journey, step: Step) -> None:
        if step is Step.REPLIED:
            service.react(message, journey.words)
        else:
            service.report(message, step)

    def _detour(
        self, service: MessagingImitation, message: SandboxMessage, journey: Journey, step: Step, wait_of_next: float
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
