"""How Meta signs webhooks, of every product: over the raw body with the app secret. No timestamp and no delivery id exist."""

import hashlib
import hmac
from urllib.parse import parse_qsl

from integrations.facts import ConnectionFacts
from integrations.webhooks.request import BadSignature, WebhookRequest


def verify(request: WebhookRequest, connection: ConnectionFacts) -> None:
    """Raises `BadSignature` unless the body is signed with the app secret."""
    expected = signature(connection.secret("app_secret"), request.body)
    if not hmac.compare_digest(expected.encode(), request.header("x-hub-signature-256").encode()):
        raise BadSignature("X-Hub-Signature-256 does not match the body")


def answer_handshake(request: WebhookRequest, connection: ConnectionFacts) -> bytes:
    """The challenge that Meta wants back when the address is registered. Raises `BadSignature`."""
    query = dict(parse_qsl(request.query, keep_blank_values=True, errors="replace"))
    given = query.get("hub.verify_token", "").encode()
    expected = connection.secret("verify_token").encode()
    if query.get("hub.mode") != "subscribe" or not hmac.compare_digest(given, expected):
        raise BadSignature("hub.verify_token is not the connection's verify token")
    return query.get("hub.challenge", "").encode()


def event_id(request: WebhookRequest) -> str:
    """The delivery's name: the hash of its body."""
    return hashlib.sha256(request.body).hexdigest()


def signature(app_secret: str, body: bytes) -> str:
    """The value of `X-Hub-Signature-256` for a body."""
    return "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()
