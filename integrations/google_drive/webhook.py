"""What Drive tells on a channel: that a file changed, in headers over an empty body, unsigned. The channel's token proves that it is Drive.

There is no time in it. A message number that came before is stored once; and what is told is only a reason to look at the file.
"""

import hmac
from collections.abc import Mapping

from integrations.events import UNDATED, InboundFact, ServiceEvent
from integrations.facts import ConnectionFacts
from integrations.webhooks.request import BadSignature, WebhookRequest


def verify(request: WebhookRequest, connection: ConnectionFacts) -> None:
    """Raises `BadSignature` unless the channel's token is ours."""
    expected = connection.secret("channel_token")
    if not hmac.compare_digest(request.header("x-goog-channel-token").encode(), expected.encode()):
        raise BadSignature("x-goog-channel-token is not ours")
    if not request.header("x-goog-channel-id") or not request.header("x-goog-resource-state"):
        raise BadSignature("the headers of a channel are missing")


def event_id(request: WebhookRequest) -> str:
    """A channel numbers its messages."""
    return f"{request.header('x-goog-channel-id')}:{request.header('x-goog-message-number')}"


def parse(body: bytes, content_type: str, query: Mapping[str, str]) -> list[InboundFact]:
    """One event, its subject the file that the address names: what Drive says stands in headers, which are not kept."""
    file_id = query.get("file", "")
    if not file_id:
        return []
    return [
        ServiceEvent(
            kind="google_drive.changed", occurred_at=UNDATED, provider_event_id=f"file:{file_id}", subject=file_id
        )
    ]
