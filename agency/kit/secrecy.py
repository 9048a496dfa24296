"""Secrets that this process has in clear, and how texts that leave it are rid of them: logs, errors of services, kept task results."""

import json
import re
from collections.abc import Iterable
from urllib.parse import quote

SHORTEST_SECRET = 6  # a shorter one would mask ordinary words
MASK = "***"
_CREDENTIAL = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}")
_PARAMETER = re.compile(
    r"(?i)\b((?:access_token|appsecret_proof|api_?key|password|secret|token)[\"']?\s*[=:]\s*[\"']?)[^\s&\"',;}]{4,}"
)
_OWN_TOKEN = re.compile(r"\bbtt_[A-Za-z0-9_-]{20,}")
_known: dict[str, None] = {}  # in the order in which they were met


def mask_secrets(secrets: Iterable[str]) -> None:
    """From now on no text that passes here shows these values, as they are or as JSON and addresses write them."""
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            _known.update(dict.fromkeys((secret, json.dumps(secret)[1:-1], quote(secret, safe=""))))


def without_known(text: str) -> str:
    """The text with every known secret masked and nothing else changed."""
    for secret in tuple(_known):
        if secret in text:
            text = text.replace(secret, MASK)
    return text


def without_secrets(text: str) -> str:
    """The text with known secrets masked, and anything that looks like a credential."""
    text = _CREDENTIAL.sub(rf"\1 {MASK}", without_known(text))
    return _OWN_TOKEN.sub(f"btt_{MASK}", _PARAMETER.sub(rf"\1{MASK}", text))
