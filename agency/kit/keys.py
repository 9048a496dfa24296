"""Fresh keys for an installation."""

import secrets

from cryptography.fernet import Fernet


def fresh_keys() -> str:
    """Two lines for the environment: Django's signing key, and one Fernet key for secrets at rest."""
    return f"SECRET_KEY={secrets.token_urlsafe(50)}\nENCRYPTION_KEYS={Fernet.generate_key().decode()}"
