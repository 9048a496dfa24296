"""What Resend's e-mails, events, domains and test inboxes look like."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from integrations.sandbox.behaviour import Outcome, Step
from integrations.sandbox.phones import SandboxMessage
from integrations.sandbox.wire import Response, json_response

EVENTS = {
    Step.SENT: "email.sent",
    Step.DELIVERED: "email.delivered",
    Step.READ: "email.opened",
    Step.CLICKED: "email.clicked",
    Step.COMPLAINED: "email.complained",
}
FAILURES = {
    "permanent": ("email.bounced", "Permanent", "General", "smtp; 550 5.1.1 The email account does not exist"),
    "transient": ("email.bounced", "Transient", "MailboxFull", "smtp; 452 4.2.2 The mailbox is full"),
    "suppressed": ("email.suppressed", "OnAccountSuppressionList", "", ""),
    "failed": ("email.failed", "", "", ""),
}
TEST_INBOXES = {
    "delivered": Outcome(Step.DELIVERED),
    "bounced": Outcome(Step.FAILED, code="permanent"),
    "complained": Outcome(Step.COMPLAINED),
    "suppressed": Outcome(Step.FAILED, code="suppressed"),
}


@dataclass(slots=True)
class Wire:
    """What events and the e-mail resource need. `scheduled_at` is kept after it was sent; `is_held` until then."""

    sender: str
    to: list[str]
    html: str
    tags: dict[str, str]
    headers: dict[str, str]
    created_at: str
    scheduled_at: str = ""
    is_held: bool = False
    is_cancelled: bool = False


def failure_of(code: str) -> tuple[str, str, str, str]:
    """Event, kind, detail and diagnosis of a failure."""
    return FAILURES.get(code, FAILURES["permanent"])


def email_resource(message: SandboxMessage) -> dict[str, Any]:
    """An e-mail as GET /emails/{id} shows it."""
    wire: Wire = message.wire
    last = failure_of(message.code)[0] if message.state is Step.FAILED else EVENTS.get(message.state, "email.queued")
    if wire.is_held:
        last = "scheduled"
    elif wire.is_cancelled:
        last = "canceled"
    return {
        "object": "email",
        "id": message.provider_id,
        "to": wire.to,
        "from": wire.sender,
        "created_at": wire.created_at,
        "subject": message.subject,
        "html": wire.html or None,
        "text": message.text,
        "bcc": [],
        "cc": [],
        "reply_to": [],
        "last_event": last.removeprefix("email."),
        "scheduled_at": wire.scheduled_at or None,
        "tags": [{"name": name, "value": value} for name, value in wire.tags.items()],
    }


def bounce_facts(code: str) -> Mapping[str, Any]:
    """What a failure event says besides the e-mail."""
    event, kind, detail, diagnosis = failure_of(code)
    if event == "email.bounced":
        text = "The recipient's mail server rejected the email"
        return {"bounce": {"type": kind, "subType": detail, "message": text, "diagnosticCode": [diagnosis]}}
    if event == "email.suppressed":
        return {"suppressed": {"type": kind, "message": "The address is suppressed"}}
    return {"failed": {"reason": "reached_daily_quota"}}


def accepted_answer(ids: list[str], *, batch: bool, errors: list[dict[str, Any]] | None = None) -> Response:
    """The answer to one e-mail or a batch."""
    if not batch:
        return json_response(200, {"id": ids[0]})
    content: dict[str, Any] = {"data": [{"id": email_id} for email_id in ids]}
    if errors is not None:
        content["errors"] = errors
    return json_response(200, content)


def domain_rows(names: Iterable[str]) -> list[dict[str, Any]]:
    """The domains of a team."""
    return [
        {
            "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
            "name": name,
            "status": "verified",
            "created_at": "2026-01-05 12:00:00.000000+00",
            "region": "sa-east-1",
            "capabilities": {"sending": "enabled", "receiving": "disabled"},
        }
        for name in names
    ]


def test_inbox(address: str) -> Outcome | None:
    """The fate that Resend fixes for its own test addresses."""
    local, _, domain = address.partition("@")
    return TEST_INBOXES.get(local.partition("+")[0]) if domain == "resend.dev" else None


def now_text() -> str:
    """The present as Resend writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def scheduled_moment(written: object) -> datetime | None:
    """The time of `scheduled_at` in ISO 8601; None when it is none."""
    try:
        found = datetime.fromisoformat(str(written))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
