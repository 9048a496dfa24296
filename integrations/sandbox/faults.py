"""Failures on demand: which fault strikes which request."""

from __future__ import annotations

import enum
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


class FaultKind(enum.StrEnum):
    """What goes wrong."""

    RATE_LIMIT = "rate_limit"
    RATE_LIMIT_SILENT = "rate_limit_silent"
    SERVER_ERROR = "server_error"
    UNAVAILABLE = "unavailable"
    BAD_GATEWAY = "bad_gateway"
    HTML_PAGE = "html_page"
    REFUSE = "refuse"
    ERROR_IN_SUCCESS = "error_in_success"
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 -- a name, not a token
    MISSING_SCOPE = "missing_scope"
    CLOCK_SKEW = "clock_skew"
    CUT_BEFORE = "cut_before"
    HANG_BEFORE = "hang_before"
    LATENCY = "latency"
    CUT_AFTER = "cut_after"
    HANG_AFTER = "hang_after"
    SERVER_ERROR_AFTER = "server_error_after"
    BAD_GATEWAY_AFTER = "bad_gateway_after"
    CUT_BODY = "cut_body"
    INVALID_JSON = "invalid_json"
    WRONG_CONTENT_TYPE = "wrong_content_type"
    DROP_FIELD = "drop_field"
    INSTANCE_CLOSED = "instance_closed"
    DUPLICATE_WEBHOOKS = "duplicate_webhooks"
    REORDER_WEBHOOKS = "reorder_webhooks"
    DELAY_WEBHOOKS = "delay_webhooks"
    DROP_WEBHOOKS = "drop_webhooks"


EXPLANATIONS: dict[FaultKind, str] = {
    FaultKind.RATE_LIMIT: "not accepted; the provider's 429 with Retry-After: `seconds`",
    FaultKind.RATE_LIMIT_SILENT: "not accepted; the provider's 429 that does not say how long to wait",
    FaultKind.SERVER_ERROR: "not accepted; the provider's 500",
    FaultKind.UNAVAILABLE: "not accepted; the provider's 503, with Retry-After: `seconds` if they are given",
    FaultKind.BAD_GATEWAY: "not accepted; a proxy's HTML page with status 502",
    FaultKind.HTML_PAGE: "not accepted; an HTML page with status 200 stands where the answer should be",
    FaultKind.REFUSE: "not accepted; the provider's own error with `code`",
    FaultKind.ERROR_IN_SUCCESS: "not accepted; status 200 with the provider's error in the body",
    FaultKind.EXPIRED_TOKEN: "not accepted; the token has expired",
    FaultKind.MISSING_SCOPE: "not accepted; the token lacks the permission",
    FaultKind.CLOCK_SKEW: "our clock is `seconds` off: the answer's Date says so, and who signs by time is refused",
    FaultKind.CUT_BEFORE: "not accepted; the connection is cut",
    FaultKind.HANG_BEFORE: "not accepted; no answer, the connection is cut `seconds` later",
    FaultKind.LATENCY: "accepted at once, answered `seconds` later",
    FaultKind.CUT_AFTER: "accepted; the connection is cut instead of an answer",
    FaultKind.HANG_AFTER: "accepted; no answer, the connection is cut `seconds` later",
    FaultKind.SERVER_ERROR_AFTER: "accepted; the provider's 500 all the same",
    FaultKind.BAD_GATEWAY_AFTER: "accepted; a proxy's HTML page with status 502 all the same",
    FaultKind.CUT_BODY: "accepted; the connection is cut in the middle of the answer's body",
    FaultKind.INVALID_JSON: "accepted; the answer's body breaks off, though its length is right: no JSON",
    FaultKind.WRONG_CONTENT_TYPE: "accepted; the right answer is called text/plain",
    FaultKind.DROP_FIELD: "accepted; the answer lacks the field at `path`, such as `data[].id`, `@etag` for a header",
    FaultKind.INSTANCE_CLOSED: "the WhatsApp instance is logged out: sends fail, its state is close",
    FaultKind.DUPLICATE_WEBHOOKS: "a webhook is delivered twice",
    FaultKind.REORDER_WEBHOOKS: "a status overtakes the one before it by up to `seconds`",
    FaultKind.DELAY_WEBHOOKS: "a status comes `seconds` late",
    FaultKind.DROP_WEBHOOKS: "a status never comes",
}

WEBHOOK_KINDS = frozenset(
    {
        FaultKind.DUPLICATE_WEBHOOKS,
        FaultKind.REORDER_WEBHOOKS,
        FaultKind.DELAY_WEBHOOKS,
        FaultKind.DROP_WEBHOOKS,
    }
)

DEFAULT_SECONDS: dict[FaultKind, float] = {
    FaultKind.LATENCY: 2.0,
    FaultKind.RATE_LIMIT: 2.0,
    FaultKind.UNAVAILABLE: 0.0,
    FaultKind.CLOCK_SKEW: 3600.0,
    FaultKind.HANG_BEFORE: 60.0,
    FaultKind.HANG_AFTER: 60.0,
    FaultKind.REORDER_WEBHOOKS: 2.0,
    FaultKind.DELAY_WEBHOOKS: 10.0,
}


FIELDS = frozenset({"kind", "service", "operation", "sender", "share", "count", "seconds", "code", "path"})


class BadFault(ValueError):
    """The description of a fault makes no sense; the text says why."""


@dataclass(slots=True)
class Fault:
    """One switch.

    `service`, `operation` and `sender` narrow it (`*` = any); `share` is the part of requests struck, `count` how many
    in all (None = until removed). `seconds` is real time and means what the kind says; `path` is for DROP_FIELD.
    """

    id: int
    kind: FaultKind
    service: str = "*"
    operation: str = "*"
    sender: str = "*"
    share: float = 1.0
    count: int | None = None
    seconds: float = 0.0
    code: str = ""
    path: str = ""
    struck: int = 0
    _dice: random.Random = field(default_factory=random.Random, repr=False)

    def concerns(self, service: str, operation: str, sender: str) -> bool:
        """Whether the narrowing matches."""
        return self.service in ("*", service) and self.operation in ("*", operation) and self.sender in ("*", sender)

    def strikes(self) -> bool:
        """Throw the dice for one request that it concerns, and count it."""
        if self.count is not None and self.struck >= self.count:
            return False
        if self.share < 1.0 and self._dice.random() >= self.share:
            return False
        self.struck += 1
        return True

    def public(self) -> dict[str, Any]:
        """The fault as the control API shows it."""
        shown = asdict(self)
        del shown["_dice"]
        return shown


class Faults:
    """The switches that are on, the same dice for the same seed and order of requests."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._next_id = 1
        self._faults: list[Fault] = []

    def __bool__(self) -> bool:
        return bool(self._faults)

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults)

    def add(self, description: Mapping[str, Any]) -> Fault:
        """Switch one on. Raises BadFault."""
        fault = self.described(description)
        self.switch_on(fault)
        return fault

    def switch_on(self, fault: Fault) -> None:
        """Let a described fault strike."""
        self._next_id += 1
        self._faults.append(fault)

    def described(self, description: Mapping[str, Any]) -> Fault:
        """The fault of a description, not yet on. Raises BadFault."""
        try:
            kind = FaultKind(str(description.get("kind", "")))
        except ValueError as error:
            raise BadFault(f"kind must be one of {', '.join(FaultKind)}") from error
        share = float(description.get("share", 1.0))
        count = description.get("count")
        if not 0.0 < share <= 1.0:
            raise BadFault("share must be above 0 and at most 1")
        if count is not None and int(count) < 1:
            raise BadFault("count must be at least 1")
        unknown = set(description) - FIELDS
        if unknown:
            raise BadFault(f"unknown fields: {', '.join(sorted(unknown))}")
        if kind is FaultKind.REFUSE and not description.get("code"):
            raise BadFault("refuse needs the provider's error code")
        if (kind is FaultKind.DROP_FIELD) != bool(description.get("path")):
            raise BadFault("drop_field needs the path of the field, and no other kind takes one")
        return Fault(
            id=self._next_id,
            kind=kind,
            service=str(description.get("service") or "*"),
            operation=str(description.get("operation") or "*"),
            sender=str(description.get("sender") or "*"),
            share=share,
            count=None if count is None else int(count),
            seconds=float(description.get("seconds", DEFAULT_SECONDS.get(kind, 0.0))),
            code=str(description.get("code", "")),
            path=str(description.get("path", "")),
            _dice=random.Random(f"{self._seed}:{self._next_id}"),
        )

    def remove(self, fault_id: int) -> bool:
        """Switch one off; False when there is none of that id."""
        before = len(self._faults)
        self._faults = [fault for fault in self._faults if fault.id != fault_id]
        return len(self._faults) < before

    def clear(self) -> None:
        """Switch everything off."""
        self._faults = []

    def strike_request(
        self, service: str, operation: str, sender: str, supports: Callable[[FaultKind, str], bool]
    ) -> list[Fault]:
        """The faults that strike this request: any latencies, then at most one that decides its fate.

        `supports` says which kinds make sense for this operation: a fault for all services strikes only where it does.
        """
        struck: list[Fault] = []
        for fault in self._faults:
            if fault.kind in WEBHOOK_KINDS or fault.kind is FaultKind.INSTANCE_CLOSED:
                continue
            if fault.concerns(service, operation, sender) and supports(fault.kind, operation) and fault.strikes():
                struck.append(fault)
                if fault.kind is not FaultKind.LATENCY:
                    break
        return struck

    def strike_webhook(self, kind: FaultKind, service: str, sender: str) -> Fault | None:
        """The fault of that kind that strikes one webhook or status of this sender."""
        for fault in self._faults:
            if fault.kind is kind and fault.concerns(service, "webhook", sender) and fault.strikes():
                return fault
        return None

    def is_closed(self, service: str, sender: str) -> bool:
        """Whether this sender's instance is logged out at present."""
        return any(
            fault.kind is FaultKind.INSTANCE_CLOSED and fault.concerns(service, fault.operation, sender)
            for fault in self._faults
        )
