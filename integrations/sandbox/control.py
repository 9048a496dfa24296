"""A synchronous client for the sandbox's control API, for tests, the demo and the fault suite."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from .log import Acceptance, Write


class ControlFailed(RuntimeError):
    """The sandbox refused a control request; the text is its own. Status 422: the service has no such thing."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class FaultState:
    """One fault that is on. `struck` is how many requests it has struck so far."""

    id: int
    kind: str
    service: str
    operation: str
    sender: str
    share: float
    count: int | None
    seconds: float
    code: str
    path: str
    struck: int


@dataclass(frozen=True, slots=True)
class WebhookState:
    """Where the webhooks stand."""

    scheduled: int
    waiting: int
    in_flight: int
    delivered: int
    events_delivered: int
    failed_attempts: int
    given_up: int
    dropped: int
    duplicated: int
    last_problem: str

    @property
    def at_rest(self) -> bool:
        """Whether nothing is to come any more."""
        return not (self.scheduled or self.waiting or self.in_flight)


class SandboxControl:
    """Talks to one running sandbox. `url` is its root, such as `http://127.0.0.1:8400`."""

    def __init__(self, url: str, *, timeout: float = 30.0) -> None:
        self.url = url.rstrip("/")
        parts = urlsplit(self.url)
        self._host, self._port, self._timeout = parts.hostname or "", parts.port or 80, timeout

    def base_url(self, service: str) -> str:
        """Where one imitated service begins."""
        return f"{self.url}/{service}"

    # Faults

    def add_fault(
        self,
        kind: str,
        *,
        service: str = "*",
        operation: str = "*",
        sender: str = "*",
        share: float = 1.0,
        count: int | None = None,
        seconds: float | None = None,
        code: str = "",
        path: str = "",
    ) -> int:
        """Switch a fault on (see `faults.FaultKind`); returns its id. Raises ControlFailed."""
        fault: dict[str, Any] = {
            "kind": kind,
            "service": service,
            "operation": operation,
            "sender": sender,
            "share": share,
            "code": code,
            "path": path,
        }
        if count is not None:
            fault["count"] = count
        if seconds is not None:
            fault["seconds"] = seconds
        return int(self.request("POST", "/faults", fault)["id"])

    def remove_fault(self, fault_id: int) -> None:
        """Switch one off."""
        self.request("DELETE", f"/faults/{fault_id}")

    @contextmanager
    def fault(self, kind: str, **narrowing: Any) -> Iterator[int]:
        """A fault for the length of a block; arguments as for `add_fault`, its id within the block."""
        fault_id = self.add_fault(kind, **narrowing)
        try:
            yield fault_id
        finally:
            self.remove_fault(fault_id)

    def faults(self) -> list[FaultState]:
        """The faults that are on."""
        return [FaultState(**fields) for fields in self.request("GET", "/faults")["faults"]]

    def struck(self, fault_id: int) -> int:
        """How many requests a fault has struck. Raises KeyError when it is not on."""
        return {fault.id: fault.struck for fault in self.faults()}[fault_id]

    def clear_faults(self) -> None:
        """Switch all off."""
        self.request("DELETE", "/faults")

    # People

    def set_outcome(self, address: str, last: str, *, code: str = "", words: str = "") -> None:
        """Decide the fate of an address: the last step it reaches (`behaviour.Step`), with code or words."""
        self.request("POST", "/outcomes", {address: {"last": last, "code": code, "words": words}})

    def set_outcomes(self, outcomes: Mapping[str, Mapping[str, str] | None]) -> None:
        """The same for many; None gives an address back to chance."""
        self.request("POST", "/outcomes", dict(outcomes))

    def change_shares(self, **shares: float) -> None:
        """Change how people behave (`behaviour.Shares`)."""
        self.request("POST", "/shares", shares)

    def say(self, service: str, account: str, address: str, text: str) -> str:
        """A person writes to one of our identities; returns the inbound message's id."""
        fields = {"service": service, "account": account, "from": address, "text": text}
        return str(self.request("POST", "/say", fields)["id"])

    def happen(self, service: str, event: str, **facts: Any) -> dict[str, Any]:
        """Something happens at a provider by itself and is told by webhook; returns what the service says about it."""
        return dict(self.request("POST", "/events", {"service": service, "event": event, **facts}))

    # Accounts and webhooks

    def open_account(self, service: str, **fields: Any) -> dict[str, Any]:
        """Register or replace an account of a service; returns all its fields."""
        return dict(self.request("POST", "/accounts", {"service": service, **fields}))

    def accounts(self) -> dict[str, list[dict[str, Any]]]:
        """Registered accounts by service."""
        return dict(self.request("GET", "/accounts"))

    def hold_webhooks(self) -> None:
        """Keep webhooks back until they are released."""
        self.request("POST", "/webhooks", {"held": True})

    def release_webhooks(self) -> None:
        """Let held webhooks go."""
        self.request("POST", "/webhooks", {"held": False})

    def send_webhooks_to(self, url: str) -> None:
        """Deliver every webhook to this scheme and host (empty: where its URL says)."""
        self.request("POST", "/webhooks", {"to": url})

    def handshake(self, url: str, verify_token: str) -> bool:
        """Ask a webhook address as Meta does when it is saved; whether it answered rightly."""
        return bool(self.request("POST", "/handshake", {"url": url, "verify_token": verify_token})["passed"])

    # What happened

    def state(self) -> dict[str, Any]:
        """Counts, faults, webhooks, shares."""
        return dict(self.request("GET", "/state"))

    def webhook_state(self) -> WebhookState:
        """Where the webhooks stand."""
        state = self.state()
        names = WebhookState.__dataclass_fields__
        return WebhookState(
            scheduled=state["scheduled"],
            **{name: value for name, value in state["webhooks"].items() if name in names},
        )

    def acceptances(self) -> list[Acceptance]:
        """Everything accepted since the log began, oldest first."""
        return [acceptance for page in self._acceptance_pages(0) for acceptance in page]

    def acceptances_since(self, position: int) -> tuple[list[Acceptance], int]:
        """What was accepted after a position (0 = the beginning), and the position to ask from next time."""
        answer = self.request("GET", f"/acceptances?since={position}")
        return [Acceptance(**fields) for fields in answer["acceptances"]], int(answer["next"])

    def writes(self, service: str = "", operation: str = "") -> list[Write]:
        """What clients changed (but for messages, see `acceptances`) since the log began, oldest first."""
        found: list[Write] = []
        position = 0
        while True:
            narrowed = urlencode({"service": service, "operation": operation, "since": position})
            answer = self.request("GET", f"/writes?{narrowed}")
            if not answer["writes"]:
                return found
            found += [Write(**fields) for fields in answer["writes"]]
            position = int(answer["next"])

    def reset(self) -> None:
        """Forget messages, faults and outcomes, empty the log; accounts and shares stay."""
        self.request("POST", "/reset")

    def wait_until_quiet(self, seconds: float = 30.0) -> WebhookState:
        """Wait until every scheduled status has been delivered or given up. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while True:
            state = self.webhook_state()
            if state.at_rest:
                return state
            if time.monotonic() > deadline:
                raise TimeoutError(f"webhooks are still on their way after {seconds} s: {state}")
            time.sleep(0.05)

    def request(self, method: str, path: str, content: Any = None) -> Any:
        """One control request. Raises ControlFailed; OSError when nothing answers."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        try:
            body = None if content is None else json.dumps(content).encode()
            connection.request(method, "/_control" + quote(path, safe="/?=&%+"), body)
            answer = connection.getresponse()
            found = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status >= 400:
            raise ControlFailed(answer.status, str(found.get("error", found)))
        return found

    def _acceptance_pages(self, position: int) -> Iterator[list[Acceptance]]:
        while True:
            page, following = self.acceptances_since(position)
            if not page:
                return
            yield page
            position = following
