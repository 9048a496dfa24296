"""Resend webhooks: what became of each e-mail, e-mails received, and people who unsubscribed at Resend.

Signed as Svix does: id, timestamp and raw body, five minutes of tolerance. Events of one e-mail to several people do
not say whom they concern; we send to one person at a time.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from email.utils import parseaddr
from typing import Any

from integrations.errors import NotConfigured, SuppressReason
from integrations.events import EventKind, InboundFact, MessageEvent
from integrations.facts import ConnectionFacts
from integrations.webhooks.reading import clean, iso_moment, json_mapping, mapping, mappings, text
from integrations.webhooks.request import BadSignature, WebhookRequest

TOLERANCE = 300  # seconds between the provider's clock and ours

KINDS: Mapping[str, EventKind] = {
    "email.sent": EventKind.SENT,
    "email.delivered": EventKind.DELIVERED,
    "email.opened": EventKind.OPENED,
    "email.clicked": EventKind.CLICKED,
    "email.bounced": EventKind.BOUNCED,
    "email.complained": EventKind.COMPLAINED,
    "email.failed": EventKind.FAILED,
    "email.suppressed": EventKind.FAILED,
    "email.received": EventKind.INBOUND,
}
# Opened and clicked may happen many times; everything else happens once to an e-mail.
_REPEATED = (EventKind.OPENED, EventKind.CLICKED)


def verify(request: WebhookRequest, connection: ConnectionFacts) -> None:
    """Raises `BadSignature` unless one of the signatures is right and the timestamp is within five minutes."""
    event, written = request.header("svix-id"), request.header("svix-timestamp")
    try:
        key = base64.b64decode(connection.secret("webhook_secret").removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise NotConfigured("resend", "webhook", "secret_invalid", "webhook_secret is not base64") from None
    if not event or not written.isascii() or not written.isdecimal() or len(written) > 12:
        raise BadSignature("svix-id or svix-timestamp is missing")
    if abs(request.received_at.timestamp() - int(written)) > TOLERANCE:
        raise BadSignature("svix-timestamp is not within five minutes")
    signed = hmac.new(key, f"{event}.{written}.".encode() + request.body, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(signed)
    genuine = False
    for given in request.header("svix-signature").split(" ")[:20]:
        genuine |= hmac.compare_digest(given.encode(), expected)
    if not genuine:
        raise BadSignature("svix-signature does not match the body")


def event_id(request: WebhookRequest) -> str:
    """Svix's own id, the same on each repetition."""
    return request.header("svix-id")


def parse(body: bytes, content_type: str, query: Mapping[str, str]) -> list[InboundFact]:
    """The one event of a delivery, if it says something we need. Raises `UnreadablePayload`."""
    envelope = json_mapping(body)
    name, content = text(envelope, "type"), mapping(envelope, "data")
    written = text(envelope, "created_at")
    if name == "contact.updated" and content.get("unsubscribed") is True:
        return _unsubscribed(content, written)
    kind, message_id = KINDS.get(name), text(content, "email_id")
    if kind is None or not message_id:
        return []
    if kind is EventKind.INBOUND:
        return [_inbound(content, written, message_id)]
    click = mapping(content, "click")
    happened = text(click, "timestamp") or written
    code, words, suppress = _failure(name, content)
    return [
        MessageEvent(
            kind=kind,
            occurred_at=iso_moment(happened),
            provider_event_id=f"{message_id}:{kind}" + (f":{happened}" if kind in _REPEATED else ""),
            provider_message_id=message_id,
            reference=_reference(content),
            address=_first_address(content, "to"),
            own_address=_mailbox(text(content, "from")),
            text=text(click, "link"),
            error_code=code,
            error_text=words,
            suppress=suppress,
        )
    ]


def _failure(name: str, content: Mapping[str, Any]) -> tuple[str, str, SuppressReason | None]:
    """(code, text, why the address is dead) of an event that says that the e-mail did not arrive or was unwelcome."""
    if name == "email.bounced":
        bounce = mapping(content, "bounce")
        kind = text(bounce, "type")
        code = ":".join(part for part in (kind, text(bounce, "subType")) if part)
        # Transient and undetermined bounces may pass: the address stays.
        return code, text(bounce, "message"), SuppressReason.HARD_BOUNCE if kind == "Permanent" else None
    if name == "email.complained":
        return "complained", "", SuppressReason.COMPLAINED
    if name == "email.suppressed":
        detail = mapping(content, "suppressed")
        return text(detail, "type") or "suppressed", text(detail, "message"), SuppressReason.PROVIDER_BLOCKED
    if name == "email.failed":
        detail = mapping(content, "failed")
        return "failed", text(detail, "reason") or text(detail, "message"), None
    return "", "", None


def _reference(content: Mapping[str, Any]) -> str:
    """Our reference travels as the tag `reference`; events write tags as an object, requests as a list."""
    tags = content.get("tags")
    if isinstance(tags, dict):
        return text(tags, "reference")
    return next((text(tag, "value") for tag in mappings(content, "tags") if tag.get("name") == "reference"), "")


def _mailbox(written: str) -> str:
    """The bare address of `Name <a@b>`, in lower case."""
    return parseaddr(written)[1].lower()


def _first_address(content: Mapping[str, Any], name: str) -> str:
    addresses = content.get(name)
    first = addresses[0] if isinstance(addresses, list) and addresses else addresses
    return _mailbox(clean(first)) if isinstance(first, str) else ""


def _inbound(content: Mapping[str, Any], written: str, message_id: str) -> MessageEvent:
    """An e-mail to us. The event brings no body: the subject is what is known without asking the API."""
    return MessageEvent(
        kind=EventKind.INBOUND,
        occurred_at=iso_moment(text(content, "created_at") or written),
        provider_event_id=f"{message_id}:inbound",
        provider_message_id=message_id,
        address=_mailbox(text(content, "from")),
        own_address=_first_address(content, "to"),
        text=text(content, "subject"),
        in_reply_to=text(content, "in_reply_to"),
    )


def _unsubscribed(content: Mapping[str, Any], written: str) -> list[InboundFact]:
    address = _mailbox(text(content, "email"))
    if not address:
        return []
    return [
        MessageEvent(
            kind=EventKind.UNSUBSCRIBED,
            occurred_at=iso_moment(text(content, "updated_at") or written),
            provider_event_id=f"{text(content, 'id') or address}:unsubscribed:{written}",
            provider_message_id="",
            address=address,
            suppress=SuppressReason.OPTED_OUT,
        )
    ]
