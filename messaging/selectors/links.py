"""Signed links in messages. Each carries its purpose, so that one cannot be turned into another."""

from django.conf import settings
from django.core import signing

UNSUBSCRIBE = "batuta.unsubscribe"
UNSUBSCRIBE_SECONDS = 365 * 86_400


def unsubscribe_url(recipient_id: int) -> str:
    """The one-click unsubscribe address of one message (RFC 8058); good for a year."""
    return f"{settings.PUBLIC_BASE_URL}/u/{signing.TimestampSigner(salt=UNSUBSCRIBE).sign(str(recipient_id))}"


def recipient_of_unsubscribe(token: str) -> int:
    """The recipient a token was made for. Raises `signing.BadSignature` (or its subclass `SignatureExpired`)."""
    return int(signing.TimestampSigner(salt=UNSUBSCRIBE).unsign(token, max_age=UNSUBSCRIBE_SECONDS))
