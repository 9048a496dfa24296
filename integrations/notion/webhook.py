"""What happens in Notion: pages and columns that changed. A signal only: whoever acts reads the page again. Signed with the token of the webhook.

That token comes first, unsigned, as the only thing in a delivery. It is taken while we have none; a person then enters it at Notion, where another
token than Notion's own would be refused. There is no time in the signature: what is sent again has the same id, and is stored once.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from integrations.events import InboundFact, SecretEvent, ServiceEvent
from integrations.facts import ConnectionFacts
from integrations.webhooks.reading import first_mapping, iso_moment, json_mapping, mapping, text
from integrations.webhooks.request import BadSignature, UnreadablePayload, WebhookRequest

TOKEN = "verification_token"  # noqa: S105 -- the name of a field


def verify(request: WebhookRequest, connection: ConnectionFacts) -> None:
    """Raises `BadSignature` unless the token signed the body, or the body is that token."""
    known = connection.secrets.get(TOKEN, "")
    signature = request.header("x-notion-signature")
    if not signature and (offered := _offered(request.body)):
        if not known or hmac.compare_digest(offered.encode(), known.encode()):
            return
        raise BadSignature("another verification token is known already")
    if not known:
        raise BadSignature("the verification token has not come yet")
    expected = "sha256=" + hmac.new(known.encode(), request.body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signature.encode(), expected.encode()):
        raise BadSignature("x-notion-signature does not match the body")


def event_id(request: WebhookRequest) -> str:
    """Notion's id of the event, the same in each of its attempts; for a token its hash."""
    offered = _offered(request.body)
    if offered:
        return f"{TOKEN}:{hashlib.sha256(offered.encode()).hexdigest()}"
    return text(json_mapping(request.body), "id")


def parse(body: bytes, content_type: str, query: Mapping[str, str]) -> list[InboundFact]:
    """One event, its subject the page, data source or database. Raises `UnreadablePayload`."""
    envelope = json_mapping(body)
    offered = text(envelope, TOKEN)
    if offered:
        return [SecretEvent(TOKEN, offered)]
    kind, entity = text(envelope, "type"), mapping(envelope, "entity")
    if not kind:
        return []
    parent = mapping(mapping(envelope, "data"), "parent")
    author = first_mapping(envelope, "authors")
    return [
        ServiceEvent(
            kind=f"notion.{kind}",
            occurred_at=iso_moment(text(envelope, "timestamp")),
            provider_event_id=text(envelope, "id"),
            subject=text(entity, "id"),
            facts={
                "entity": text(entity, "type"),
                "source": text(parent, "data_source_id") or text(parent, "id"),
                "author": text(author, "id"),
                "author_kind": text(author, "type"),
            },
        )
    ]


def _offered(body: bytes) -> str:
    """The token, when it is all that the body holds."""
    try:
        envelope: Mapping[str, Any] = json_mapping(body)
    except UnreadablePayload:
        return ""
    return text(envelope, TOKEN) if len(envelope) == 1 else ""
