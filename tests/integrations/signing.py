"""Requests as the providers sign them, written apart from the code that verifies them."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from integrations.facts import ConnectionFacts
from integrations.webhooks.request import WebhookRequest

BASE_URL = "http://127.0.0.1:8000"
KEY = "k" * 24
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
SVIX_KEY = base64.b64encode(b"resend signing secret 32 bytes!!").decode()
SECRETS: Mapping[str, Mapping[str, str]] = {
    "whatsapp_cloud": {"access_token": "EAAB-token", "app_secret": "app-secret-1", "verify_token": "verify-1"},
    "evolution": {"api_key": "evolution-key", "webhook_token": "evolution-token-of-the-webhook-32b"},
    "twilio": {"auth_token": "twilio-auth-token", "webhook_shared_key": "shared-key-secret"},
    "resend": {"api_key": "re_123", "webhook_secret": f"whsec_{SVIX_KEY}"},
}


@dataclass(frozen=True)
class Signed:
    """What to send: headers with the signature, body, query."""

    headers: dict[str, str]
    body: bytes
    query: str = ""
    method: str = field(default="POST")


def facts(service: str) -> ConnectionFacts:
    """A connection of the service with all its secrets."""
    return ConnectionFacts(id=7, service=service, key=KEY, secrets=SECRETS[service])


def request(service: str, signed: Signed, *, at: float | None = None, key: str = KEY) -> WebhookRequest:
    """The request as the door would hand it to `verify`."""
    path = f"/webhooks/{service}/{key}"
    return WebhookRequest(
        method=signed.method,
        url=f"{BASE_URL}{path}{'?' if signed.query else ''}{signed.query}",
        path=path,
        query=signed.query,
        headers={name.lower(): value for name, value in signed.headers.items()},
        body=signed.body,
        received_at=datetime.fromtimestamp(at or time.time(), UTC),
    )


def meta(body: bytes) -> Signed:
    """Signed by Meta."""
    digest = hmac.new(SECRETS["whatsapp_cloud"]["app_secret"].encode(), body, hashlib.sha256).hexdigest()
    return Signed({**JSON, "X-Hub-Signature-256": f"sha256={digest}"}, body)


def svix(body: bytes, *, event: str = "msg_1", at: float | None = None) -> Signed:
    """Signed by Resend."""
    written = str(int(at or time.time()))
    digest = hmac.new(base64.b64decode(SVIX_KEY), f"{event}.{written}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(b'another key').decode()} v1,{base64.b64encode(digest).decode()}"
    return Signed({**JSON, "svix-id": event, "svix-timestamp": written, "svix-signature": signature}, body)


def evolution(body: bytes) -> Signed:
    """With the token as a header."""
    return Signed({**JSON, "Authorization": f"Bearer {SECRETS['evolution']['webhook_token']}"}, body)


def evolution_jwt(
    body: bytes, *, issued: float, lives: int = 600, algorithm: str = "HS256", secret: str = ""
) -> Signed:
    """With a JWT, as Evolution makes one of `jwt_key`."""

    def part(content: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    claims = {"iat": int(issued), "exp": int(issued) + lives, "app": "evolution", "action": "webhook"}
    signed = f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims)}"
    key = (secret or SECRETS["evolution"]["webhook_token"]).encode()
    digest = hmac.new(key, signed.encode(), hashlib.sha256).digest()
    signature = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return Signed({**JSON, "Authorization": f"Bearer {signed}.{signature}"}, body)


def twilio(fields: Mapping[str, str], *, query: str = "", key: str = KEY, algorithm: str = "HMAC_SHA1") -> Signed:
    """Signed by Twilio's own SDK."""
    secret = SECRETS["twilio"]["auth_token" if algorithm == "HMAC_SHA1" else "webhook_shared_key"]
    url = f"{BASE_URL}/webhooks/twilio/{key}{'?' if query else ''}{query}"
    headers = {**FORM, "X-Twilio-Signature": RequestValidator(secret).compute_signature(url, dict(fields), algorithm)}
    if algorithm != "HMAC_SHA1":
        headers["X-Twilio-Webhooks-Signature-Settings"] = f"key=webhooks_sharedkey_1,algorithm={algorithm}"
    return Signed(headers, urlencode(fields).encode(), query)
