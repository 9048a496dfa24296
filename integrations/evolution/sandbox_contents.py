"""What Evolution's instances, errors, tokens and messages look like."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from integrations.sandbox.behaviour import Step
from integrations.sandbox.wire import Response, json_response

BUSINESS = "WHATSAPP-BUSINESS"
BAILEYS_STATUS = {
    Step.SENT: "SERVER_ACK",
    Step.DELIVERED: "DELIVERY_ACK",
    Step.READ: "READ",
    Step.FAILED: "ERROR",
}
BUSINESS_STATUS = {Step.SENT: "SENT", Step.DELIVERED: "DELIVERED", Step.READ: "READ", Step.FAILED: "FAILED"}
NOT_REGISTERED = "not_registered"
REFUSALS: dict[str, tuple[int, object]] = {
    "400": (400, ["Error: Timed Out"]),
    "401": (401, "Unauthorized"),
    "404": (404, ['The "sandbox" instance does not exist']),
    "500": (500, "Connection Closed"),
    NOT_REGISTERED: (400, [{"exists": False, "jid": "0@s.whatsapp.net", "number": "0"}]),
}
ERROR_NAMES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests"}


_REQUIRED = {
    "sendText": ("number", "text"),
    "sendMedia": ("number", "mediatype", "media"),
    "sendTemplate": ("number", "name", "language"),
}


@dataclass(slots=True)
class Subscription:
    """Where an instance's webhooks go. No events = all."""

    enabled: bool = False
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    by_events: bool = False
    events: tuple[str, ...] = ()


@dataclass(slots=True)
class Instance:
    """One WhatsApp session."""

    name: str
    token: str
    number: str
    integration: str = "WHATSAPP-BAILEYS"
    state: str = "open"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    webhook: Subscription = field(default_factory=Subscription)


def evolution_error(status: int, message: object, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Evolution's error body."""
    name = ERROR_NAMES.get(status, "Internal Server Error")
    return json_response(status, {"status": status, "error": name, "response": {"message": message}}, headers)


def token(secret: str, now: int) -> str:
    """The JWT that Evolution sends when the webhook's headers hold `jwt_key`: HS256, ten minutes."""
    claims = {"iat": now, "exp": now + 600, "app": "evolution", "action": "webhook"}
    parts = [_base64url(orjson.dumps(part)) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signed = ".".join(parts)
    return f"{signed}.{_base64url(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())}"


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def jid_of(digits: str) -> str:
    """Baileys' address: the number as WhatsApp registered it, old Brazilian ones without the ninth digit."""
    if len(digits) == 13 and digits.startswith("55") and digits[4] == "9" and int(digits[2:4]) > 28:
        digits = digits[:4] + digits[5:]
    return f"{digits}@s.whatsapp.net"


def subscription_from(asked: Mapping[str, Any]) -> Subscription:
    """What /webhook/set was given."""
    return Subscription(
        enabled=bool(asked.get("enabled", bool(asked.get("url")))),
        url=str(asked.get("url", "")),
        headers={str(name): str(value) for name, value in (asked.get("headers") or {}).items()},
        by_events=bool(asked.get("byEvents", False)),
        events=tuple(str(event) for event in asked.get("events") or ()),
    )


def required_fields(route: str) -> tuple[str, ...]:
    """The fields without which the route answers 400."""
    return _REQUIRED[route]


def readable_text(route: str, body: Mapping[str, Any]) -> tuple[str, dict[str, Any], str]:
    """`messageType` and `message` of the answer, and a text for the phone and the log."""
    if route == "sendText":
        text = str(body["text"])
        return "conversation", {"conversation": text}, text
    if route == "sendMedia":
        kind, caption = str(body["mediatype"]), str(body.get("caption", ""))
        content = {f"{kind}Message": {"caption": caption, "mimetype": body.get("mimetype", "")}}
        return f"{kind}Message", content, f"[{kind}] {caption}".strip()
    values = [
        str(parameter.get("text", ""))
        for component in body.get("components") or []
        for parameter in component.get("parameters") or []
    ]
    return "templateMessage", {"templateMessage": {"name": body["name"]}}, f"[{body['name']}] {', '.join(values)}"


def status_word(instance: Instance, step: Step) -> str | None:
    """How the instance's channel calls a step; None for what it does not tell."""
    return (BUSINESS_STATUS if instance.integration == BUSINESS else BAILEYS_STATUS).get(step)


def instance_row(instance: Instance, state: str) -> dict[str, Any]:
    """An instance as GET /instance/fetchInstances shows it."""
    return {
        "id": instance.id,
        "name": instance.name,
        "connectionStatus": state,
        "ownerJid": f"{instance.number}@s.whatsapp.net",
        "profileName": "Batuta Sandbox",
        "integration": instance.integration,
        "number": instance.number,
        "token": instance.token,
        "disconnectionReasonCode": None,
    }


def webhook_facts(instance: Instance) -> dict[str, Any]:
    """An instance's webhook as its routes show it."""
    shown = instance.webhook
    return {
        "enabled": shown.enabled,
        "url": shown.url,
        "headers": shown.headers,
        "events": shown.events,
        "webhookByEvents": shown.by_events,
        "webhookBase64": False,
        "instanceId": instance.id,
    }


def sent_facts(
    instance: Instance, key_id: str, jid: str, at: int, message_type: str, content: Mapping[str, Any]
) -> dict[str, Any]:
    """The answer to a message."""
    return {
        "key": {"remoteJid": jid, "fromMe": True, "id": key_id},
        "pushName": "",
        "status": "PENDING",
        "message": content,
        "contextInfo": None,
        "messageType": message_type,
        "messageTimestamp": at,
        "instanceId": instance.id,
        "source": "unknown",
    }
