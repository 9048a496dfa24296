"""Twilio webhooks: status callbacks of our messages (our reference is in the callback's query) and incoming messages.

The signature covers the public address and every form field, not time. It follows the rules of the SDK's
`RequestValidator` (twilio 9.13) without importing the SDK, which costs seconds; a test compares both.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import SplitResult, parse_qs, parse_qsl, urlsplit

from integrations.errors import SuppressReason
from integrations.events import UNDATED, EventKind, InboundFact, MessageEvent
from integrations.facts import ConnectionFacts
from integrations.twilio.codes import SUPPRESS
from integrations.webhooks.reading import clean, form_mapping, json_mapping, phone, text
from integrations.webhooks.request import BadSignature, WebhookRequest

FORM = "application/x-www-form-urlencoded"
STATUSES: Mapping[str, EventKind] = {
    "sent": EventKind.SENT,
    "delivered": EventKind.DELIVERED,
    "partially_delivered": EventKind.DELIVERED,
    "read": EventKind.READ,
    "failed": EventKind.FAILED,
    "undelivered": EventKind.FAILED,
    "canceled": EventKind.FAILED,
}


def verify(request: WebhookRequest, connection: ConnectionFacts) -> None:
    """Raises `BadSignature` unless the request is signed with the account's auth token, or its shared key."""
    settings = request.header("x-twilio-webhooks-signature-settings")
    algorithm = _algorithm(settings)
    if algorithm == "HMAC_SHA1":
        secret, digest = connection.secret("auth_token"), hashlib.sha1
    elif algorithm == "HMAC_SHA256":
        secret, digest = connection.secrets.get("webhook_shared_key", ""), hashlib.sha256
        if not secret:
            raise BadSignature("signed with a shared key, and the connection has none")
    else:
        raise BadSignature("the signature names an unknown algorithm")
    fields = _signed_fields(request)
    given = request.header("x-twilio-signature").encode()
    genuine = False
    for url in _spellings(urlsplit(request.url)):
        signed = hmac.new(secret.encode(), (url + fields).encode("utf-8", "surrogatepass"), digest).digest()
        genuine |= hmac.compare_digest(base64.b64encode(signed), given)
    if not genuine:
        raise BadSignature("X-Twilio-Signature does not match the address and the fields")


def _algorithm(settings: str) -> str:
    for part in settings.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            return value.strip().upper()
    return "HMAC_SHA1"


def _signed_fields(request: WebhookRequest) -> str:
    """What follows the address in the signed text. A body that is not a form must be covered by `bodySHA256`."""
    if request.header("content-type").partition(";")[0].strip().lower() == FORM:
        try:
            pairs = parse_qsl(request.body.decode(), keep_blank_values=True, errors="strict", max_num_fields=1000)
        except ValueError:
            raise BadSignature("the body is not a form") from None
        fields: dict[str, set[str]] = {}
        for name, value in pairs:
            fields.setdefault(name, set()).add(value)
        return "".join(name + value for name in sorted(fields) for value in sorted(fields[name]))
    given = parse_qs(request.query).get("bodySHA256", [""])[0]
    if not request.body and not given:
        return ""
    if not hmac.compare_digest(hashlib.sha256(request.body).hexdigest().encode(), given.encode()):
        raise BadSignature("bodySHA256 does not match the body")
    return ""


def _spellings(url: SplitResult) -> Iterable[str]:
    """The address with and without its port: Twilio is not consistent about it."""
    port = url.port or (443 if url.scheme == "https" else 80)
    yield url._replace(netloc=url.hostname or "").geturl() if url.port else url.geturl()
    yield url.geturl() if url.port else url._replace(netloc=f"{url.netloc}:{port}").geturl()


def _fields(body: bytes, content_type: str) -> Mapping[str, str]:
    if content_type.partition(";")[0].strip().lower() == "application/json":
        content = json_mapping(body)
        return {name: text(content, name) for name in content}
    return form_mapping(body)


def event_id(request: WebhookRequest) -> str:
    """Message and status: what Twilio repeats is the same fact. Other deliveries are named by their body."""
    if request.header("content-type").partition(";")[0].strip().lower() == FORM:
        pairs = dict(parse_qsl(request.body.decode("utf-8", "replace"), errors="replace"))
        sid = pairs.get("MessageSid") or pairs.get("SmsSid")
        if sid:
            return f"{sid}:{pairs.get('MessageStatus') or pairs.get('SmsStatus') or ''}"
    return hashlib.sha256(request.body + b"?" + request.query.encode()).hexdigest()


def parse(body: bytes, content_type: str, query: Mapping[str, str]) -> list[InboundFact]:
    """The one event of a delivery, if it says something we need. Raises `UnreadablePayload`."""
    fields = _fields(body, content_type)
    message_id = fields.get("MessageSid") or fields.get("SmsSid") or ""
    status = (fields.get("MessageStatus") or fields.get("SmsStatus") or "").lower()
    if not message_id:
        return []
    if status in ("received", "receiving") or (not status and "Body" in fields):
        return [_inbound(fields, message_id)]
    kind = STATUSES.get(status)
    if kind is None:
        return []
    code = fields.get("ErrorCode", "")
    return [
        MessageEvent(
            kind=kind,
            occurred_at=UNDATED,  # callbacks carry no time
            provider_event_id=f"{message_id}:{status}",
            provider_message_id=message_id,
            reference=clean(query.get("reference", "")),
            address=_address(fields.get("To", "")),
            own_address=fields.get("From", "").removeprefix("whatsapp:") or fields.get("MessagingServiceSid", ""),
            error_code=code,
            error_text=fields.get("ErrorMessage", "") or fields.get("ChannelStatusMessage", ""),
            suppress=SUPPRESS.get(int(code)) if code.isascii() and code.isdecimal() and len(code) < 10 else None,
        )
    ]


def _inbound(fields: Mapping[str, str], message_id: str) -> MessageEvent:
    words = fields.get("ButtonText") or fields.get("Body", "")
    if not words and (media := fields.get("MediaContentType0", "")):
        words = f"[{media.partition('/')[0]}]"
    return MessageEvent(
        kind=EventKind.INBOUND,
        occurred_at=UNDATED,
        provider_event_id=f"{message_id}:inbound",
        provider_message_id=message_id,
        address=_address(fields.get("From", "")),
        own_address=fields.get("To", "").removeprefix("whatsapp:"),
        text=words,
        # Twilio itself keeps the opt-out when its own keyword rules recognise one.
        suppress=SuppressReason.OPTED_OUT if fields.get("OptOutType") == "STOP" else None,
        in_reply_to=fields.get("OriginalRepliedMessageSid", ""),
    )


def _address(written: str) -> str:
    """A person's E.164, or what Twilio wrote (a short code, a hidden id) when it is not a phone."""
    bare = written.removeprefix("whatsapp:")
    return phone(bare) or bare
