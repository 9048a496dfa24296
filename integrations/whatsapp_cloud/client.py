"""Sends WhatsApp messages through Meta's Cloud API. No SDK: Meta publishes none worth using for this API.

The API has no idempotency key. `biz_opaque_callback_data` carries our reference and comes back in every status event,
so a request whose outcome is unknown is settled by its callback and never repeated.
"""

import mimetypes
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from integrations.capabilities.messages import Accepted, OutboundMessage, Recovery
from integrations.errors import TemporaryFailure
from integrations.facts import ConnectionFacts
from integrations.http import HttpClient, HttpResponse
from integrations.meta_graph.errors import meta_failure

SERVICE = "whatsapp_cloud"
BASE_URL = "https://graph.facebook.com"
API_VERSION = "v26.0"
MEDIA_KINDS = {"image": "image", "video": "video", "audio": "audio"}  # MIME main type → message type; else document


class WhatsAppCloudClient:
    """The message channel of one WhatsApp Business account."""

    recovery = Recovery.CALLBACK
    dedupe_for = timedelta(0)

    def __init__(self, connection: ConnectionFacts) -> None:
        self._http = HttpClient(
            graph_address(connection),
            service=SERVICE,
            headers={"authorization": f"Bearer {connection.secret('access_token')}"},
        )

    async def send(self, message: OutboundMessage) -> Accepted:
        """POST /{phone_number_id}/messages. Raises `integrations.errors`."""
        response = await self._http.request(
            "POST", f"/{quote(message.sender, safe='')}/messages", operation="send", json=message_body(message)
        )
        found = checked(response)
        messages = found.get("messages")
        first = messages[0] if isinstance(messages, list) and messages else None
        provider_id = first.get("id") if isinstance(first, dict) else None
        if not isinstance(provider_id, str) or not provider_id:
            raise response.surprise("the answer has no messages[0].id")
        return Accepted(provider_id)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()


def message_body(message: OutboundMessage) -> dict[str, Any]:
    """The JSON body for one message: a template, else a file with caption, else text.

    An address that is not a phone number is a business-scoped user id, which Meta takes in `recipient`.
    """
    body: dict[str, Any] = {"messaging_product": "whatsapp", "recipient_type": "individual"}
    if message.to.startswith("+"):
        body["to"] = message.to[1:]
    else:
        body["recipient"] = message.to
    if message.template is not None:
        template: dict[str, Any] = {
            "name": message.template.name,
            "language": {"code": message.template.language},
        }
        if message.template.parameters:
            parameters = [{"type": "text", "text": text} for text in message.template.parameters]
            template["components"] = [{"type": "body", "parameters": parameters}]
        body |= {"type": "template", "template": template}
    elif message.media_url:
        path = urlsplit(message.media_url).path
        guessed = mimetypes.guess_type(path)[0] or ""
        kind = MEDIA_KINDS.get(guessed.partition("/")[0], "document")
        media: dict[str, Any] = {"link": message.media_url}
        if message.text and kind != "audio":
            media["caption"] = message.text
        if kind == "document":
            media["filename"] = path.rpartition("/")[2] or "document"
        body |= {"type": kind, kind: media}
    else:
        body |= {"type": "text", "text": {"body": message.text, "preview_url": False}}
    body["biz_opaque_callback_data"] = message.reference
    return body


def graph_address(connection: ConnectionFacts) -> str:
    """The base URL with the version of the API."""
    version = connection.setting("api_version", API_VERSION)
    return f"{connection.setting('base_url', BASE_URL).rstrip('/')}/{version}"


def checked(response: HttpResponse) -> dict[str, Any]:
    """The JSON object of a success. Raises the error that Meta's error object (even in a 200) stands for."""
    found = response.json_object()
    error = found.get("error")
    if isinstance(error, dict):
        raise meta_failure(response, error)
    if response.status >= 500:
        raise TemporaryFailure(
            response.service,
            response.operation,
            f"http_{response.status}",
            "a gateway failed without Meta's own answer",
            accepted_possible=True,
        )
    if response.status in (401, 403, 429):
        raise meta_failure(response, {})
    if not response.ok:
        raise response.surprise()
    if not found:
        response.json()  # a 2xx that is not JSON is said so by name
    return found


def build(connection: ConnectionFacts) -> WhatsAppCloudClient:
    """The client for one connection. Raises `NotConfigured`."""
    return WhatsAppCloudClient(connection)
