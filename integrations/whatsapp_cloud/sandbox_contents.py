"""What a message to the imitated Cloud API says, and the ids it gets."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from integrations.sandbox.wire import Response

from .sandbox_errors import graph_error
from .sandbox_templates import TemplateShelf

MEDIA_TYPES = frozenset({"image", "video", "audio", "document", "sticker"})


def message_content(shelf: TemplateShelf, kind: str, body: Mapping[str, Any]) -> tuple[str, str, Response | None]:
    """Readable text and pricing category of a message, or what is wrong with it."""
    part = body.get(kind)
    if kind == "template":
        return shelf.use(part)
    if not isinstance(part, dict):
        return "", "", graph_error("131008", details=f"Required parameter is missing: {kind}")
    if kind == "text":
        text = part.get("body")
        if not isinstance(text, str) or not text:
            return "", "", graph_error("131008", details="Parameter 'text.body' is mandatory for type 'text'")
        if len(text) > 4096:
            return "", "", graph_error("131009", details="Parameter 'text.body' must be at most 4096 characters")
        return text, "service", None
    if kind in MEDIA_TYPES:
        if not part.get("link") and not part.get("id"):
            return "", "", graph_error("131008", details=f"One of '{kind}.link' and '{kind}.id' is mandatory")
        return f"[{kind}] {part.get('caption') or part.get('link') or part.get('id')}", "service", None
    if kind in ("interactive", "reaction", "location", "contacts"):
        return f"[{kind}] {part.get('body', {}).get('text', '') if kind == 'interactive' else ''}", "service", None
    return "", "", graph_error("131009", details=f"Unsupported message type: {kind}")


def whatsapp_id(digits: str) -> str:
    """The id WhatsApp gives a phone: for Brazilian mobiles outside area codes 11-28 without the ninth digit."""
    if len(digits) == 13 and digits.startswith("55") and digits[4] == "9" and int(digits[2:4]) > 28:
        return digits[:4] + digits[5:]
    return digits


def new_wamid(owner: str, entropy: bytes) -> str:
    """The id of a message to or from somebody."""
    phone = owner.encode()
    inner = bytes([0x1C, 0x18, len(phone)]) + phone + b"\x15\x02\x00\x11\x18\x12" + entropy.hex().upper().encode()
    return "wamid." + base64.b64encode(inner + b"\x00").decode()
