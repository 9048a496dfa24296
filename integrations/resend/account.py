"""What people and tasks ask of a Resend team beside the sending of campaigns: batches, scheduled e-mails, domains."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from integrations.capabilities.messages import Accepted, OutboundMessage
from integrations.errors import Refused
from integrations.facts import ConnectionFacts
from integrations.http import HttpResponse
from integrations.json_calls import JsonCalls
from integrations.resend.client import BASE_URL, SERVICE, email_body, resend_failure

MOST_IN_BATCH = 100
CANCELLED = "canceled"  # the provider's spelling


@dataclass(frozen=True, slots=True)
class Email:
    """An e-mail as Resend knows it. `last_event` is delivered, bounced, scheduled, canceled …"""

    id: str
    to: tuple[str, ...]
    sender: str
    subject: str
    last_event: str
    scheduled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain of the team; only a verified one may send."""

    id: str
    name: str
    status: str
    region: str

    @property
    def is_verified(self) -> bool:
        """Whether it may send."""
        return self.status == "verified"


class ResendAccount:
    """One team. Safe to share between threads."""

    def __init__(self, connection: ConnectionFacts) -> None:
        self._calls = JsonCalls(
            connection,
            connection.setting("base_url", BASE_URL),
            headers={"authorization": f"Bearer {connection.secret('api_key')}"},
            checked=_checked,
        )

    def send_batch(self, messages: Sequence[OutboundMessage], *, idempotency_key: str) -> list[Accepted]:
        """Send up to a hundred e-mails in one request, all or none of them. Safe to repeat with the same key for 24 hours."""
        if not 1 <= len(messages) <= MOST_IN_BATCH:
            raise Refused(SERVICE, "send_batch", "batch_size", f"a batch holds 1 to {MOST_IN_BATCH} e-mails")
        answer = self._calls.ask(
            "send_batch",
            "POST",
            "/emails/batch",
            json=[email_body(message) for message in messages],
            headers={"idempotency-key": idempotency_key[:256]},
            used=lambda found: {"e-mail": len(messages)},
        )
        rows = self._calls.rows("send_batch", answer, "data")
        if len(rows) != len(messages):
            raise self._calls.missing("send_batch", f"id for each of {len(messages)} e-mails")
        return [Accepted(self._calls.text("send_batch", row, "id")) for row in rows]

    def schedule(self, message: OutboundMessage, at: datetime) -> Accepted:
        """Let Resend send one e-mail at an aware time, at most 30 days ahead. Safe to repeat as `send` is."""
        answer = self._calls.ask(
            "schedule",
            "POST",
            "/emails",
            json={**email_body(message), "scheduled_at": _written(at)},
            headers={"idempotency-key": message.idempotency_key[:256]},
        )
        return Accepted(self._calls.text("schedule", answer, "id"))

    def reschedule(self, email_id: str, at: datetime) -> None:
        """Move a scheduled e-mail to another aware time."""
        answer = self._calls.ask("reschedule", "PATCH", _path(email_id), json={"scheduled_at": _written(at)})
        self._calls.text("reschedule", answer, "id")

    def cancel(self, email_id: str) -> None:
        """Keep a scheduled e-mail from being sent; nothing when it is cancelled already. Raises `Refused` when it has left."""
        try:
            answer = self._calls.ask("cancel", "POST", f"{_path(email_id)}/cancel")
        except Refused:
            # An earlier attempt whose answer was lost may have done it.
            if self.fetch(email_id).last_event != CANCELLED:
                raise
            return
        self._calls.text("cancel", answer, "id")

    def fetch(self, email_id: str) -> Email:
        """What became of one e-mail."""
        row = self._calls.ask("fetch", "GET", _path(email_id))
        text = self._calls.text
        to = row.get("to")
        if not isinstance(to, list) or not to:
            raise self._calls.missing("fetch", "to")
        at = row.get("scheduled_at")
        return Email(
            id=text("fetch", row, "id"),
            to=tuple(str(each) for each in to),
            sender=text("fetch", row, "from"),
            subject=str(row.get("subject") or ""),
            last_event=text("fetch", row, "last_event"),
            scheduled_at=self._time(at) if isinstance(at, str) and at else None,
        )

    def list_domains(self) -> list[Domain]:
        """The team's domains."""
        return self._domains("list_domains")

    def unverified_domains(self) -> list[str]:
        """Names of the domains that may not send yet: what the health check asks."""
        return [domain.name for domain in self._domains("health") if not domain.is_verified]

    def close(self) -> None:
        """Close all connections."""
        self._calls.close()

    def _domains(self, operation: str) -> list[Domain]:
        answer = self._calls.ask(operation, "GET", "/domains")
        text = self._calls.text
        return [
            Domain(
                text(operation, row, "id"),
                text(operation, row, "name"),
                text(operation, row, "status"),
                str(row.get("region") or ""),
            )
            for row in self._calls.rows(operation, answer, "data")
        ]

    def _time(self, written: str) -> datetime:
        try:
            found = datetime.fromisoformat(written)
        except ValueError:
            raise self._calls.missing("fetch", "time in scheduled_at") from None
        return found.replace(tzinfo=found.tzinfo or UTC)


def _path(email_id: str) -> str:
    return f"/emails/{quote(email_id, safe='')}"


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _checked(response: HttpResponse) -> Any:
    if not response.ok:
        raise resend_failure(response)
    found = response.json()
    if not isinstance(found, dict):
        raise response.surprise("the answer is not an object")
    return found


def build(connection: ConnectionFacts) -> ResendAccount:
    """The account behind one connection. Raises `NotConfigured`."""
    return ResendAccount(connection)
