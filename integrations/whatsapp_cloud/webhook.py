"""WhatsApp Cloud API webhooks: statuses of our messages, messages of people, and people who stop marketing.

Signed over the raw body with the app secret. There is no delivery id and no timestamp: a delivery is named by its body.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from integrations.errors import SuppressReason
from integrations.events import EventKind, InboundFact, MessageEvent
from integrations.meta_graph.errors import SUPPRESS
from integrations.meta_graph.webhook import answer_handshake, event_id, verify
from integrations.webhooks.reading import first_mapping, json_mapping, mapping, mappings, moment, phone, text

__all__ = ["answer_handshake", "event_id", "parse", "verify"]

STATUSES: Mapping[str, EventKind] = {
    "sent": EventKind.SENT,
    "delivered": EventKind.DELIVERED,
    "read": EventKind.READ,
    "played": EventKind.READ,
    "failed": EventKind.FAILED,
}
_CAPTIONED = ("image", "video", "document", "audio", "sticker")


def parse(body: bytes, content_type: str, query: Mapping[str, str]) -> list[InboundFact]:
    """Every event of a delivery, in its order; fields that nobody needs are passed over. Raises `UnreadablePayload`."""
    found: list[InboundFact] = []
    for entry in mappings(json_mapping(body), "entry"):
        for change in mappings(entry, "changes"):
            value = mapping(change, "value")
            match change.get("field"):
                case "messages":
                    found.extend(_statuses(value))
                    found.extend(_inbound(value))
                case "user_preferences":
                    found.extend(_preferences(value))
    return found


def _own_number(value: Mapping[str, Any]) -> str:
    return text(mapping(value, "metadata"), "phone_number_id")


def _statuses(value: Mapping[str, Any]) -> Iterator[MessageEvent]:
    own = _own_number(value)
    for status in mappings(value, "statuses"):
        message_id, name = text(status, "id"), text(status, "status")
        kind = STATUSES.get(name)
        if kind is None or not message_id:
            continue
        error = first_mapping(status, "errors")
        code = text(error, "code")
        yield MessageEvent(
            kind=kind,
            occurred_at=moment(text(status, "timestamp")),
            provider_event_id=f"{message_id}:{name}",
            provider_message_id=message_id,
            reference=text(status, "biz_opaque_callback_data"),
            address=phone(text(status, "recipient_id")),
            own_address=own,
            error_code=code,
            error_text=text(mapping(error, "error_data"), "details") or text(error, "message") or text(error, "title"),
            suppress=SUPPRESS.get(int(code)) if code.isdecimal() and len(code) < 10 else None,
        )


def _inbound(value: Mapping[str, Any]) -> Iterator[MessageEvent]:
    own = _own_number(value)
    # A person with a username may hide the number: then only the contact of the same business-scoped id may know it.
    known = {text(each, "user_id"): phone(text(each, "wa_id")) for each in mappings(value, "contacts")}
    for message in mappings(value, "messages"):
        message_id = text(message, "id")
        if not message_id:
            continue
        words, reacted_to = _words(message)
        yield MessageEvent(
            kind=EventKind.INBOUND,
            occurred_at=moment(text(message, "timestamp")),
            provider_event_id=f"{message_id}:inbound",
            provider_message_id=message_id,
            address=phone(text(message, "from")) or known.get(text(message, "from_user_id"), ""),
            own_address=own,
            text=words,
            in_reply_to=reacted_to or text(mapping(message, "context"), "id"),
        )


def _words(message: Mapping[str, Any]) -> tuple[str, str]:
    """(what the person said, id of the message reacted to). Media without a caption is named in brackets."""
    kind = text(message, "type")
    content = mapping(message, kind)
    if kind == "text":
        return text(content, "body"), ""
    if kind == "button":
        return text(content, "text") or text(content, "payload"), ""
    if kind == "interactive":
        choice = mapping(content, text(content, "type"))
        return text(choice, "title") or text(choice, "body") or text(choice, "name"), ""
    if kind == "reaction":
        return text(content, "emoji"), text(content, "message_id")
    if kind in _CAPTIONED:
        return text(content, "caption") or f"[{kind}]", ""
    return f"[{kind or 'unknown'}]", ""


def _preferences(value: Mapping[str, Any]) -> Iterator[MessageEvent]:
    """People who told WhatsApp that they want no more marketing from this business."""
    own = _own_number(value)
    for wish in mappings(value, "user_preferences"):
        address, when = phone(text(wish, "wa_id")), text(wish, "timestamp")
        if text(wish, "value") != "stop" or not address:
            continue
        yield MessageEvent(
            kind=EventKind.UNSUBSCRIBED,
            occurred_at=moment(when),
            provider_event_id=f"{address}:stop:{when}",
            provider_message_id="",
            address=address,
            own_address=own,
            text=text(wish, "detail"),
            suppress=SuppressReason.OPTED_OUT,
        )
