"""What the ways to send through Evolution need and look like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_REQUIRED = {
    "sendText": ("number", "text"),
    "sendMedia": ("number", "mediatype", "media"),
    "sendTemplate": ("number", "name", "language"),
}


def required_fields(route: str) -> tuple[str, ...]:
    """The fields without which the route answers 400."""
    return _REQUIRED[route]


def readable_text(route: str, body: Mapping[str, Any]) -> tuple[str, dict[str, Any], str]:
    """`messageType` and `message` of the answer, and a text for the phone and the log."""
    if route == "sendText":
        text = str(body["text"])
        return "conversation", {"conversation": text}, text
    if route == "sendMedia":
        kind, caption = str(body["mediatype"]), str(body.get("caption", ""))
        content = {f"{kind}Message": {"caption": caption, "mimetype": body.get("mimetype", "")}}
        return f"{kind}Message", content, f"[{kind}] {caption}".strip()
    values = [
        str(parameter.get("text", ""))
        for component in body.get("components") or []
        for parameter in component.get("parameters") or []
    ]
    return "templateMessage", {"templateMessage": {"name": body["name"]}}, f"[{body['name']}] {', '.join(values)}"
