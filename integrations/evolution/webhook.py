"""Evolution API webhooks: messages people write, updates of ours (matched by `keyId`), and the phone's connection.

Evolution signs nothing. Either its instance sends our token in a header, or it holds the token as `jwt_key` and sends a
fresh HS256 JWT; both are accepted, in constant time. Neither covers the body, so the address should be https.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from integrations.events import UNDATED, ConnectionEvent, EventKind, InboundFact, MessageEvent
from integrations.facts import ConnectionFacts
from integrations.webhooks.reading import json_mapping, mapping, mappings, moment, phone, text
from integrations.webhooks.request import BadSignature, WebhookRequest

ALLOWS_SUBPATH = True  # with `byEvents` the instance appends the event's name to the address
JWT_SECONDS = 600  # longest life of a token
CLOCK_SKEW = 60  # seconds

STATUSES: Mapping[str, EventKind] = {
    "SERVER_ACK": EventKind.SENT,
    "SENT": EventKind.SENT,
    "DELIVERY_ACK": EventKind.DELIVERED,
    "DELIVERED": EventKind.DELIVERED,
    "READ": EventKind.READ,
    "PLAYED": EventKind.READ,
    "ERROR": EventKind.FAILED,
    "FAILED": EventKind.FAILED,
}
_PERSON = ("@s.whatsapp.net", "@c.us")
_MEDIA = {
    "imageMessage": "image",
    "videoMessage": "video",
    "documentMessage": "document",
    "audioMessage": "audio",
    "stickerMessage": "sticker",
    "locationMessage": "location",
    "contactMessage": "contact",
}
_CHOICES = {
    "buttonsResponseMessage": "selectedDisplayText",
    "templateButtonReplyMessage": "selectedDisplayText",
    "listResponseMessage": "title",
    "reactionMessage": "text",
    "extendedTextMessage": "text",
}


def verify(request: WebhookRequest, connection: ConnectionFacts) -> None:
    """Raises `BadSignature` unless a header carries the webhook token or a JWT signed with it."""
    secret = connection.secret("webhook_token").encode()
    given = (request.header("authorization") or request.header("x-webhook-token")).strip()
    if given[:7].lower() == "bearer ":
        given = given[7:].strip()
    if hmac.compare_digest(given.encode(), secret):
        return
    _verify_jwt(given, secret, request.received_at.timestamp())


def _verify_jwt(token: str, secret: bytes, now: float) -> None:
    head, _, rest = token.partition(".")
    claims, _, signature = rest.partition(".")
    expected = hmac.new(secret, f"{head}.{claims}".encode(), hashlib.sha256).digest()
    try:
        if not hmac.compare_digest(_unbase64(signature), expected):
            raise BadSignature("the header carries neither the token nor a JWT signed with it")
        algorithm, content = orjson.loads(_unbase64(head)), orjson.loads(_unbase64(claims))
    except (ValueError, binascii.Error):
        raise BadSignature("the header carries neither the token nor a JWT") from None
    if not isinstance(algorithm, dict) or algorithm.get("alg") != "HS256" or not isinstance(content, dict):
        raise BadSignature("the JWT is not an HS256 token")
    issued, expires = content.get("iat"), content.get("exp")
    if not isinstance(issued, int) or not isinstance(expires, int):
        raise BadSignature("the JWT has no iat and exp")
    if not issued - CLOCK_SKEW <= now < min(expires, issued + JWT_SECONDS) + CLOCK_SKEW:
        raise BadSignature("the JWT is not valid at this time")


def _unbase64(written: str) -> bytes:
    """Strict base64url without padding: one spelling for one value."""
    decoded = base64.urlsafe_b64decode(written + "=" * (-len(written) % 4))
    if base64.urlsafe_b64encode(decoded).decode().rstrip("=") != written:
        raise ValueError("not base64url")
    return decoded


def event_id(request: WebhookRequest) -> str:
    """The delivery's name: the hash of its body (a repeated delivery repeats it byte by byte)."""
    return hashlib.sha256(request.body).hexdigest()


def parse(body: bytes, content_type: str, query: Mapping[str, str]) -> list[InboundFact]:
    """Every event of a delivery; events that nobody needs are passed over. Raises `UnreadablePayload`."""
    envelope = json_mapping(body)
    instance = text(envelope, "instance")
    items = list(mappings(envelope, "data")) or [mapping(envelope, "data")]
    match text(envelope, "event").lower().replace("_", ".").replace("-", "."):
        case "messages.upsert":
            return [event for item in items for event in _inbound(item, instance)]
        case "messages.update":
            return [event for item in items for event in _updates(item, instance)]
        case "connection.update":
            return [event for item in items for event in _connection(item, instance)]
    return []


def _updates(update: Mapping[str, Any], instance: str) -> Iterator[MessageEvent]:
    message_id, name = text(update, "keyId"), text(update, "status").upper()
    kind = STATUSES.get(name)
    if kind is None or not message_id or update.get("fromMe") is False:
        return
    yield MessageEvent(
        kind=kind,
        occurred_at=UNDATED,  # the update carries no time; the envelope's is local time that calls itself UTC
        provider_event_id=f"{message_id}:{name.lower()}",
        provider_message_id=message_id,
        address=_person(text(update, "remoteJid")),
        own_address=instance,
        error_code=name if kind is EventKind.FAILED else "",
    )


def _inbound(item: Mapping[str, Any], instance: str) -> Iterator[MessageEvent]:
    key = mapping(item, "key")
    message_id, chat = text(key, "id"), text(key, "remoteJid")
    if key.get("fromMe") is not False or not message_id or not chat.endswith((*_PERSON, "@lid")):
        return  # our own message, or a group, a status, a channel
    # A chat named by a hidden id (@lid) may carry the number beside it.
    address = _person(chat) or _person(text(key, "remoteJidAlt")) or _person(text(key, "senderPn"))
    message = mapping(item, "message")
    yield MessageEvent(
        kind=EventKind.INBOUND,
        occurred_at=moment(text(item, "messageTimestamp")),
        provider_event_id=f"{message_id}:inbound",
        provider_message_id=message_id,
        address=address,
        own_address=instance,
        text=_words(message),
        in_reply_to=_replied_to(item, message),
    )


def _person(jid: str) -> str:
    """E.164 of a chat with one person, or an empty text. `5511…:12@…` names one device of the person."""
    name, _, _ = jid.partition("@")
    return phone(name.partition(":")[0]) if jid.endswith(_PERSON) else ""


def _words(message: Mapping[str, Any]) -> str:
    if said := text(message, "conversation"):
        return said
    for kind, field in _CHOICES.items():
        if said := text(mapping(message, kind), field):
            return said
    flow = mapping(mapping(message, "interactiveResponseMessage"), "body")
    if said := text(flow, "text"):
        return said
    for kind, name in _MEDIA.items():
        if kind in message:
            return text(mapping(message, kind), "caption") or f"[{name}]"
    return "[unknown]"


def _replied_to(item: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    if reacted_to := text(mapping(mapping(message, "reactionMessage"), "key"), "id"):
        return reacted_to
    if quoted := text(mapping(item, "contextInfo"), "stanzaId"):
        return quoted
    for content in message.values():
        if isinstance(content, dict) and (quoted := text(mapping(content, "contextInfo"), "stanzaId")):
            return quoted
    return ""


def _connection(update: Mapping[str, Any], instance: str) -> Iterator[ConnectionEvent]:
    state = text(update, "state")
    if state in ("open", "close", "refused"):
        yield ConnectionEvent(
            state == "open", UNDATED, text(update, "instance") or instance, text(update, "statusReason")
        )
