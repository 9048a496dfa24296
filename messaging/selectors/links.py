"""Signed links in messages. Each carries its purpose, so that one cannot be turned into another."""

import time

from django.conf import settings
from django.core import signing

UNSUBSCRIBE = "batuta.unsubscribe"
UNSUBSCRIBE_SECONDS = 365 * 86_400


class _SignerAt(signing.TimestampSigner):
    """Signs as of a given instant."""

    def __init__(self, at: float) -> None:
        super().__init__(salt=UNSUBSCRIBE)
        self._at = int(at)

    def timestamp(self) -> str:
        return signing.b62_encode(self._at)


def unsubscribe_url(recipient_id: int, signed_at: float | None = None) -> str:
    """The one-click unsubscribe address of one message (RFC 8058); good for a year from `signed_at` (epoch seconds; now). The same instant
    gives the same address: a provider that drops repetitions compares the whole message."""
    signer = _SignerAt(time.time() if signed_at is None else signed_at)
    return f"{settings.PUBLIC_BASE_URL}/u/{signer.sign(str(recipient_id))}"


def recipient_of_unsubscribe(token: str) -> int:
    """The recipient a token was made for. Raises `signing.BadSignature` (or its subclass `SignatureExpired`)."""
    return int(signing.TimestampSigner(salt=UNSUBSCRIBE).unsign(token, max_age=UNSUBSCRIBE_SECONDS))
