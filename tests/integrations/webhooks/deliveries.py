"""What tests of one service's webhook share: samples, requests as the door hands them over, and what the sandbox sends."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from integrations.facts import ConnectionFacts
from integrations.webhooks.request import WebhookRequest
from tests.integrations.sandbox.receiver import Taken

PAYLOADS = Path(__file__).parents[2] / "payloads"
JSON = {"content-type": "application/json"}
NOW = 1_790_000_000.0


def sample(service: str, name: str) -> bytes:
    """A body from the vendor's documentation."""
    return (PAYLOADS / service / f"{name}.json").read_bytes()


def facts(service: str, **secrets: str) -> ConnectionFacts:
    """A connection with these secrets."""
    return ConnectionFacts(id=7, service=service, key="k" * 24, secrets=secrets)


def delivery(body: bytes, headers: Mapping[str, str], *, at: float = NOW) -> WebhookRequest:
    """A POST that arrives at `at`, seconds since the epoch."""
    lower = {name.lower(): value for name, value in headers.items()}
    return WebhookRequest("POST", "http://door/webhooks", "/webhooks", "", lower, body, datetime.fromtimestamp(at, UTC))


def as_delivery(taken: Taken) -> WebhookRequest:
    """What the sandbox sent, arriving now."""
    return delivery(taken.body, taken.headers, at=datetime.now(UTC).timestamp())
