"""What people do in Slack with our messages: buttons pressed. Signed with a timestamp; five minutes of tolerance."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import orjson

from integrations.events import UNDATED, InboundFact, ServiceEvent
from integrations.facts import ConnectionFacts
from integrations.webhooks.reading import form_mapping, json_mapping, mapping, mappings, moment, text
from integrations.webhooks.request import BadSignature, UnreadablePayload, WebhookRequest

TOLERANCE = 300  # seconds between Slack's clock and ours


def verify(request: WebhookRequest, connection: ConnectionFacts) -> None:
    """Raises `BadSignature` unless the signature is right and the timestamp is within five minutes."""
    written = request.header("x-slack-request-timestamp")
    if not written.isascii() or not written.isdecimal() or len(written) > 12:
        raise BadSignature("x-slack-request-timestamp is missing")
    if abs(request.received_at.timestamp() - int(written)) > TOLERANCE:
        raise BadSignature("x-slack-request-timestamp is not within five minutes")
    key = connection.secret("signing_secret").encode()
    expected = "v0=" + hmac.new(key, f"v0:{written}:".encode() + request.body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(request.header("x-slack-signature").encode(), expected.encode()):
        raise BadSignature("x-slack-signature does not match the body")


def answer_challenge(request: WebhookRequest, connection: ConnectionFacts) -> bytes | None:
    """Slack asks once whether the address of Event Subscriptions is ours; the challenge is answered as it is."""
    if not request.header("content-type").startswith("application/json"):
        return None
    envelope = json_mapping(request.body)
    return text(envelope, "challenge").encode() if text(envelope, "type") == "url_verification" else None


def event_id(request: WebhookRequest) -> str:
    """Slack's own id of an event; for a pressed button its trigger, which exists once."""
    envelope = _envelope(request.body, request.header("content-type"))
    return text(envelope, "event_id") or text(envelope, "trigger_id")


def parse(body: bytes, content_type: str, query: Mapping[str, str]) -> list[InboundFact]:
    """One event per button. Raises `UnreadablePayload`."""
    envelope = _envelope(body, content_type)
    if text(envelope, "type") != "block_actions":
        return []
    where = mapping(envelope, "container")
    found: list[InboundFact] = []
    for action in mappings(envelope, "actions"):
        pressed = text(action, "action_ts")
        found.append(
            ServiceEvent(
                kind="slack.button",
                occurred_at=moment(pressed.partition(".")[0]) if pressed else UNDATED,
                provider_event_id=f"{text(envelope, 'trigger_id')}:{text(action, 'action_id')}",
                subject=text(action, "value"),
                facts={
                    "action": text(action, "action_id"),
                    "user": text(mapping(envelope, "user"), "id"),
                    "channel": text(where, "channel_id"),
                    "ts": text(where, "message_ts"),
                },
            )
        )
    return found


def _envelope(body: bytes, content_type: str) -> Mapping[str, Any]:
    if content_type.startswith("application/json"):
        return json_mapping(body)
    try:
        found = orjson.loads(form_mapping(body).get("payload", ""))
    except orjson.JSONDecodeError:
        raise UnreadablePayload("the form has no JSON in its field payload") from None
    if not isinstance(found, dict):
        raise UnreadablePayload("the payload is not an object")
    return found
