"""Sends WhatsApp messages through a self-hosted Evolution API v2. The community SDK swallows errors, so we speak HTTP.

Evolution lets nobody choose a message id or attach a reference (its source passes `messageId` null on every send route),
so after a lost answer there is nothing to look the message up by: recovery is NONE.
See docs/decisions/0103-evolution-outcomes.md for which errors come before and which after the message left.
"""

import mimetypes
import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from integrations.capabilities.messages import Accepted, OutboundMessage, Recovery
from integrations.errors import (
    AuthenticationFailed,
    IntegrationError,
    RateLimited,
    Refused,
    SuppressReason,
    TemporaryFailure,
)
from integrations.facts import ConnectionFacts
from integrations.http import HttpClient, HttpResponse
from integrations.meta_graph.errors import meta_failure

SERVICE = "evolution"
MEDIA_KINDS = ("image", "video", "audio")

# Texts of the 400 that wraps whatever Baileys or the database threw while sending ("Error: Timed Out").
_THROWN = re.compile(r"^(?:\w*Error\b|Boom\b|Invalid `prisma)", re.IGNORECASE)
_NOT_CONNECTED = re.compile(r"connection closed|not connected|connection was lost before", re.IGNORECASE)


class EvolutionClient:
    """The message channel of one Evolution server; each sender is one of its instances."""

    recovery = Recovery.NONE
    dedupe_for = timedelta(0)

    def __init__(self, connection: ConnectionFacts) -> None:
        self._http = HttpClient(
            connection.setting("base_url"), service=SERVICE, headers={"apikey": connection.secret("api_key")}
        )

    async def send(self, message: OutboundMessage) -> Accepted:
        """POST /message/send…/{instance}. Raises `integrations.errors`."""
        route, body = message_request(message)
        response = await self._http.request(
            "POST", f"/message/{route}/{quote(message.sender, safe='')}", operation="send", json=body
        )
        if not response.ok:
            raise evolution_failure(response)
        found = response.json()
        key = found.get("key") if isinstance(found, dict) else None
        provider_id = key.get("id") if isinstance(key, dict) else None
        if isinstance(provider_id, str) and provider_id:
            return Accepted(provider_id)
        raise _business_channel_error(response, found) or response.surprise("the answer has no key.id")

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()


def message_request(message: OutboundMessage) -> tuple[str, dict[str, Any]]:
    """The route and the JSON body for one message. Templates exist on the WhatsApp-Business channel only."""
    number = message.to.removeprefix("+")
    if message.template is not None:
        parameters = [{"type": "text", "text": text} for text in message.template.parameters]
        components = [{"type": "body", "parameters": parameters}] if parameters else []
        return "sendTemplate", {
            "number": number,
            "name": message.template.name,
            "language": message.template.language,
            "components": components,
        }
    if message.media_url:
        path = urlsplit(message.media_url).path
        mimetype = mimetypes.guess_type(path)[0] or "application/octet-stream"
        kind = mimetype.partition("/")[0]
        return "sendMedia", {
            "number": number,
            "mediatype": kind if kind in MEDIA_KINDS else "document",
            "mimetype": mimetype,
            "caption": message.text,
            "fileName": path.rpartition("/")[2] or "file",
            "media": message.media_url,
        }
    return "sendText", {"number": number, "text": message.text, "linkPreview": False}


def evolution_failure(response: HttpResponse) -> IntegrationError:
    """Our error for an answer of Evolution that is not 2xx."""
    envelope = response.json_object()
    inner = envelope.get("response")
    found = inner.get("message") if isinstance(inner, dict) else envelope.get("message")
    first = found[0] if isinstance(found, list) and found else found
    text = str(first if first is not None else envelope.get("error", ""))
    status = response.status
    name = f"http_{status}"
    if isinstance(first, dict) and first.get("exists") is False:
        return Refused(
            SERVICE, response.operation, "not_on_whatsapp", "no WhatsApp account", suppress=SuppressReason.UNREGISTERED
        )
    if status in (401, 403):
        return AuthenticationFailed(SERVICE, response.operation, name, text)
    if status == 404:
        return AuthenticationFailed(SERVICE, response.operation, "instance_unknown", text)
    if status == 429:
        return RateLimited(SERVICE, response.operation, name, text, retry_after=response.retry_after(5.0))
    if status >= 500:
        # Its own 500 comes before the message leaves only when it names the closed session (decision 0103).
        never_left = bool(envelope) and _NOT_CONNECTED.search(text) is not None
        return TemporaryFailure(SERVICE, response.operation, name, text, accepted_possible=not never_left)
    if status == 400 and _THROWN.match(text):
        return TemporaryFailure(
            SERVICE, response.operation, name, text, accepted_possible=_NOT_CONNECTED.search(text) is None
        )
    if status in (400, 413, 422):
        return Refused(SERVICE, response.operation, name, text)
    return response.surprise()


def _business_channel_error(response: HttpResponse, found: object) -> IntegrationError | None:
    """The WhatsApp-Business channel answers 201 with Meta's error inside; None when there is none."""
    if not isinstance(found, dict):
        return None
    nested = found.get("error")
    error = nested if isinstance(nested, dict) else found
    return meta_failure(response, error) if isinstance(error.get("code"), int) else None


def build(connection: ConnectionFacts) -> EvolutionClient:
    """The client for one connection. Raises `NotConfigured`."""
    return EvolutionClient(connection)
