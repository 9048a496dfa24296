"""Sends e-mail through Resend over HTTP, with its Idempotency-Key: a repeated request is dropped for 24 hours. The rest is in `account`.

Neither its SDK (configuration in module globals) nor django-anymail (drops the key) is used; see
docs/decisions/0102-resend-without-sdk.md.
"""

from datetime import timedelta
from typing import Any

from integrations.capabilities.messages import Accepted, OutboundMessage, Recovery
from integrations.errors import (
    AcceptedBefore,
    AuthenticationFailed,
    IntegrationError,
    RateLimited,
    Refused,
    SuppressReason,
    TemporaryFailure,
)
from integrations.facts import ConnectionFacts
from integrations.http import HttpClient, HttpResponse
from integrations.mail import unsubscribe_headers

SERVICE = "resend"
BASE_URL = "https://api.resend.com"

_ACCOUNT = frozenset(
    {
        "missing_api_key",
        "invalid_api_key",
        "restricted_api_key",
        "invalid_access",
        "daily_quota_exceeded",
        "monthly_quota_exceeded",
    }
)


class ResendClient:
    """The message channel of one Resend team."""

    recovery = Recovery.DEDUPE
    dedupe_for = timedelta(hours=23)  # of 24: the hour covers slow calls and clocks that differ

    def __init__(self, connection: ConnectionFacts) -> None:
        self._http = HttpClient(
            connection.setting("base_url", BASE_URL),
            service=SERVICE,
            headers={"authorization": f"Bearer {connection.secret('api_key')}"},
        )

    async def send(self, message: OutboundMessage) -> Accepted:
        """POST /emails. Raises `integrations.errors`; safe to repeat with the same key within 24 hours."""
        response = await self._http.request(
            "POST",
            "/emails",
            operation="send",
            json=email_body(message),
            headers={"idempotency-key": message.idempotency_key[:256]},
        )
        if not response.ok:
            raise resend_failure(response)
        found = response.json()
        provider_id = found.get("id") if isinstance(found, dict) else None
        if not isinstance(provider_id, str) or not provider_id:
            raise response.surprise("the answer has no id")
        return Accepted(provider_id)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()


def email_body(message: OutboundMessage) -> dict[str, Any]:
    """The JSON body for one message; the tag brings our reference back in every event."""
    body: dict[str, Any] = {"from": message.sender, "to": [message.to], "subject": message.subject}
    if message.html:
        body["html"] = message.html
    if message.text or not message.html:
        body["text"] = message.text
    headers = unsubscribe_headers(message.unsubscribe_url)
    if headers:
        body["headers"] = headers
    if message.reference:
        body["tags"] = [{"name": "reference", "value": message.reference}]
    return body


def resend_failure(response: HttpResponse) -> IntegrationError:
    """Our error for Resend's `{"statusCode", "name", "message"}`."""
    envelope = response.json_object()
    name = str(envelope.get("name") or f"http_{response.status}")
    text = str(envelope.get("message") or "")
    operation, status = response.operation, response.status
    if name in _ACCOUNT or status in (401, 403):
        return AuthenticationFailed(SERVICE, operation, name, text)
    if name == "invalid_idempotent_request":
        return AcceptedBefore(SERVICE, operation, name, text)
    if status == 429:
        return RateLimited(SERVICE, operation, name, text, retry_after=response.retry_after(1.0))
    if status >= 500 or name == "concurrent_idempotent_requests":
        return TemporaryFailure(SERVICE, operation, name, text, accepted_possible=True)
    if not envelope.get("name"):
        return response.surprise()
    suppress = SuppressReason.INVALID_ADDRESS if status == 422 and "`to` field" in text else None
    return Refused(SERVICE, operation, name, text, suppress=suppress)


def build(connection: ConnectionFacts) -> ResendClient:
    """The client for one connection. Raises `NotConfigured`."""
    return ResendClient(connection)
