"""What a message looks like to Twilio: its segments, its status, its resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import urlencode

from integrations.sandbox.behaviour import Step
from integrations.sandbox.phones import SandboxMessage
from integrations.sandbox.wire import Request, Response, json_response

from .sandbox_errors import ERRORS

SMS_STATUS = {Step.SENT: "sent", Step.DELIVERED: "delivered", Step.FAILED: "undelivered"}
WHATSAPP_STATUS = {Step.SENT: "sent", Step.DELIVERED: "delivered", Step.READ: "read", Step.FAILED: "failed"}


@dataclass(slots=True)
class Wire:
    """What callbacks and the list need to know of a message."""

    status_callback: str
    messaging_service_sid: str
    segments: int
    whatsapp: bool


def segments_of(text: str) -> int:
    """How many SMS a text fills."""
    single, joined = (160, 153) if all(_is_gsm(character) for character in text) else (70, 67)
    return 1 if len(text) <= single else -(-len(text) // joined)


def _is_gsm(character: str) -> bool:
    return character.isascii() or character in "£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà"


def shown_address(message: SandboxMessage, address: str) -> str:
    """An address as Twilio writes it in the message's channel."""
    wire: Wire = message.wire
    return f"whatsapp:{address}" if wire.whatsapp else address


def shown_sender(message: SandboxMessage) -> str:
    """The From of a message sent through a messaging service is a number of its pool."""
    wire: Wire = message.wire
    return shown_address(message, "+15005550006") if message.sender == wire.messaging_service_sid else message.sender


def _status(message: SandboxMessage) -> str:
    wire: Wire = message.wire
    names: Mapping[Step, str] = WHATSAPP_STATUS if wire.whatsapp else SMS_STATUS
    order: Sequence[Step] = (message.state, Step.READ, Step.DELIVERED)
    if message.state is Step.ACCEPTED:
        return "queued"
    return next(names[step] for step in order if step in names)


def message_resource(message: SandboxMessage) -> dict[str, Any]:
    """A Message as the API shows it."""
    wire: Wire = message.wire
    uri = f"/2010-04-01/Accounts/{message.account}/Messages/{message.provider_id}"
    failed = message.state is Step.FAILED
    return {
        "account_sid": message.account,
        "api_version": "2010-04-01",
        "body": message.text,
        "date_created": formatdate(message.at).replace("-0000", "+0000"),
        "date_sent": formatdate(message.state_at).replace("-0000", "+0000") if message.state_at else None,
        "date_updated": formatdate(message.state_at or message.at).replace("-0000", "+0000"),
        "direction": "outbound-api",
        "error_code": int(message.code) if failed else None,
        "error_message": ERRORS[message.code].text if failed and message.code in ERRORS else None,
        "from": shown_sender(message),
        "messaging_service_sid": wire.messaging_service_sid or None,
        "num_media": "1" if message.provider_id.startswith("MM") else "0",
        "num_segments": str(wire.segments),
        "price": None,
        "price_unit": "USD",
        "sid": message.provider_id,
        "status": _status(message),
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": shown_address(message, message.to),
        "uri": f"{uri}.json",
    }


TEMPLATES = (
    ("novidade", "MARKETING", "approved", "Olá {{1}}, temos uma novidade para você: {{2}}"),
    ("aviso", "UTILITY", "approved", "Olá {{1}}, {{2}}"),
    ("pesquisa", "MARKETING", "pending", "Olá {{1}}, como foi a entrega?"),
)


def template_page(request: Request) -> Response:
    """GET /v1/ContentAndApprovals: one page, with the address of the next one."""
    query = request.query
    size = min(500, max(1, int(query["PageSize"]))) if query.get("PageSize", "").isdigit() else 50
    page = int(query["Page"]) if query.get("Page", "").isdigit() else 0
    own = f"http://{request.headers.get('host', '')}{request.path}"

    def address(number: int) -> str:
        return f"{own}?{urlencode({'PageSize': size, 'Page': number, 'PageToken': f'DN{number}'})}"

    rows = [_template(number, *each) for number, each in enumerate(TEMPLATES, start=1)]
    meta = {
        "page": page,
        "page_size": size,
        "first_page_url": address(0),
        "previous_page_url": address(page - 1) if page else None,
        "url": address(page),
        "next_page_url": address(page + 1) if (page + 1) * size < len(rows) else None,
        "key": "contents",
    }
    return json_response(200, {"contents": rows[page * size : (page + 1) * size], "meta": meta})


def _template(number: int, name: str, category: str, status: str, body: str) -> dict[str, Any]:
    return {
        "sid": f"HX{number:032x}",
        "account_sid": f"AC{1:032x}",
        "friendly_name": name,
        "language": "pt_BR",
        "variables": {"1": "Ana"},
        "types": {"twilio/text": {"body": body}},
        "approval_requests": {
            "name": name,
            "category": category,
            "content_type": "twilio/text",
            "status": status,
            "rejection_reason": "",
            "allow_category_change": True,
        },
        "date_created": "2026-01-05T12:00:00Z",
        "date_updated": "2026-01-05T12:00:00Z",
    }
