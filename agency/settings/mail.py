"""How invitations and password resets leave: the server of EMAIL_URL, else the console."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from agency.settings.environment import environment

PORTS = {"smtp": 587, "smtps": 465}


def mail_settings() -> dict[str, Any]:
    """Django's settings for `smtp://user:password@host:587` (STARTTLS; `?tls=no` for a relay on this machine) or `smtps://…:465`."""
    given = environment().email_url
    if given is None:
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    parts = urlsplit(given.get_secret_value())
    if parts.scheme not in PORTS or not parts.hostname:
        raise ImproperlyConfigured(
            "EMAIL_URL must look like smtp://user:password@host:587 or smtps://user:password@host:465."
        )
    plain = dict(parse_qsl(parts.query)).get("tls") == "no"
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or PORTS[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp" and not plain,
        "EMAIL_TIMEOUT": 20,
    }
