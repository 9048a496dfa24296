"""What a service's `webhook.py` is given, and how it says no."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """One HTTP request at the webhook door. `url` is the public address as the provider called it, with its query."""

    method: str
    url: str
    path: str
    query: str  # raw, without the question mark
    headers: Mapping[str, str]  # names in lower case
    body: bytes = field(repr=False)
    received_at: datetime  # aware; the door's clock, against which replay windows are measured

    def header(self, name: str) -> str:
        """A header by its lower-case name, or an empty text."""
        return self.headers.get(name, "")


class BadSignature(Exception):
    """The request does not prove who sent it. The text says what was wrong, never what was expected."""


class UnreadablePayload(Exception):
    """The body is not what the service's documentation promises. The delivery is kept as a dead letter."""
