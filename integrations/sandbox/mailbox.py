"""What people with mailboxes do, whatever service brought the e-mail."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .behaviour import STOP_WORDS
from .postman import RetryRule, Webhook

RETRY = RetryRule((5.0, 60.0, 600.0))


def wants_out(words: str, headers: Mapping[str, str]) -> str:
    """The address to unsubscribe at with one click (RFC 8058) if these words say so and the e-mail offers it, else ""."""
    if words not in STOP_WORDS or "list-unsubscribe-post" not in headers:
        return ""
    found = re.search(r"<(https?://[^>]+)>", headers.get("list-unsubscribe", ""))
    return found[1] if found else ""


def unsubscribe_webhook(service: str, sender: str, url: str) -> Webhook:
    """The POST that a mailbox provider makes when its user clicks "unsubscribe"."""
    return Webhook(
        service=service,
        sender=sender,
        url=url,
        body=b"List-Unsubscribe=One-Click",
        content_type="application/x-www-form-urlencoded",
        sign=lambda _: {},
        retry=RETRY,
    )
