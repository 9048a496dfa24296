"""Showing that a personal value exists without showing it. Pure."""

from typing import Any

HIDDEN = "•••"


def masked(value: Any) -> Any:
    """The value as shown to somebody who may not read personal data: kind and rough shape stay, the person does not.

    A phone keeps its country and last two digits, an e-mail its first letter and domain, a name its initials; an object keeps its keys.
    Empty values stay empty; anything else becomes dots.
    """
    if value is None or value in ("", [], {}):
        return value
    if isinstance(value, dict):
        return dict.fromkeys(value, HIDDEN)
    if isinstance(value, list):
        return [HIDDEN]
    if not isinstance(value, str):
        return None
    if "@" in value:
        local, _, domain = value.partition("@")
        return f"{local[:1]}{HIDDEN}@{domain}"
    if value.startswith("+") and value[1:].isdigit():
        return f"{value[:3]}{HIDDEN}{value[-2:]}"
    words = [word[0] + "." for word in value.split()[:3]]
    return " ".join(words) if len(value) <= 80 else HIDDEN
