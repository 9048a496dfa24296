"""What people do with the bot: messages and pressed buttons. Telegram signs nothing; each delivery repeats the secret it was given.

It says no time of its own either, so what keeps a delivery from being applied twice is its `update_id`.
"""

import hmac
from collections.abc import Mapping
from typing import Any

from integrations.events import UNDATED, InboundFact, ServiceEvent
from integrations.facts import ConnectionFacts
from integrations.webhooks.reading import json_mapping, mapping, moment, text
from integrations.webhooks.request import BadSignature, WebhookRequest

SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 -- the name of a header


def verify(request: WebhookRequest, connection: ConnectionFacts) -> None:
    """Raises `BadSignature` unless the delivery has our secret."""
    expected = connection.secret("webhook_secret").encode()
    if not hmac.compare_digest(request.header(SECRET_HEADER).encode(), expected):
        raise BadSignature(f"{SECRET_HEADER} is not the secret of this connection")


def event_id(request: WebhookRequest) -> str:
    """Telegram's number of the update, the same on each repetition."""
    return text(json_mapping(request.body), "update_id")


def parse(body: bytes, content_type: str, query: Mapping[str, str]) -> list[InboundFact]:
    """The event of a delivery. Raises `UnreadablePayload`."""
    return list(update_events(json_mapping(body)))


def update_events(update: Mapping[str, Any]) -> list[ServiceEvent]:
    """What one update says, however it came: a message or a pressed button; nothing for anything else."""
    number = text(update, "update_id")
    if message := mapping(update, "message"):
        return [_written(number, message)]
    if pressed := mapping(update, "callback_query"):
        return [_pressed(number, pressed)]
    return []


def _written(number: str, message: Mapping[str, Any]) -> ServiceEvent:
    """`subject` is the chat, to answer there. A photo or document has its caption as text."""
    return ServiceEvent(
        kind="telegram.message",
        occurred_at=moment(text(message, "date")),
        provider_event_id=number,
        subject=text(mapping(message, "chat"), "id"),
        facts={
            "text": text(message, "text") or text(message, "caption"),
            "message": text(message, "message_id"),
            "reply_to": text(mapping(message, "reply_to_message"), "message_id"),
            **_person(message),
        },
    )


def _pressed(number: str, pressed: Mapping[str, Any]) -> ServiceEvent:
    """`subject` is the button's data. Telegram does not say when it was pressed."""
    below = mapping(pressed, "message")
    return ServiceEvent(
        kind="telegram.button",
        occurred_at=UNDATED,
        provider_event_id=number,
        subject=text(pressed, "data"),
        facts={
            "callback": text(pressed, "id"),
            "chat": text(mapping(below, "chat"), "id"),
            "message": text(below, "message_id"),
            **_person(pressed),
        },
    )


def _person(source: Mapping[str, Any]) -> dict[str, str]:
    person = mapping(source, "from")
    return {"user": text(person, "id"), "username": text(person, "username")}
