"""Connections as clients need them: decrypted, complete, free of the database.

Secrets are sealed as one Fernet token per connection over a JSON object. Keys come from the setting ENCRYPTION_KEYS,
newest first: the newest seals, all of them open, and `rotate_secrets` seals everything anew.
"""

from collections.abc import Mapping

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from agency.kit.secrecy import mask_secrets
from integrations.environment import app_credentials, environment_values
from integrations.errors import NotConfigured
from integrations.facts import ConnectionFacts
from integrations.models import Connection
from integrations.oauth import OAuth
from integrations.registry import manifest_of
from integrations.states import ConnectionSource

ACCESS_TOKEN, REFRESH_TOKEN = "access_token", "refresh_token"


def connection_facts(connection_id: int) -> ConnectionFacts:
    """Everything a client needs to know about an enabled connection. Synchronous: never call it inside an event loop.

    Raises `NotConfigured` when the connection does not exist, is disabled or cannot be decrypted.
    """
    try:
        connection = Connection.objects.get(pk=connection_id)
    except Connection.DoesNotExist:
        raise NotConfigured("", "connect", "connection_missing", f"there is no connection {connection_id}") from None
    if not connection.enabled:
        raise NotConfigured(connection.service, "connect", "connection_disabled", f"{connection.name} is disabled")
    return facts_of(connection)


def agency_facts(service: str) -> ConnectionFacts:
    """The agency's own connection to a service: the one that a person entered, else the one of the environment. Raises `NotConfigured`."""
    own = Connection.objects.filter(service=service, client__isnull=True, enabled=True)
    # Connections of the environment rest while a person's own exists; should both be enabled for a moment, the person's is taken.
    chosen = own.order_by("source", "pk").last()
    if chosen is None:
        raise NotConfigured(service, "connect", "connection_missing", f"the agency has no connection to {service}")
    return facts_of(chosen)


def facts_of(connection: Connection) -> ConnectionFacts:
    """The facts of a loaded connection, enabled or not. While SANDBOX_URL is set, no base URL leads anywhere else.

    The token that OAuth granted stands under the name of its setting. Raises `NotConfigured` when its service is unknown, its secrets cannot be
    decrypted, or a file of the environment cannot be used.
    """
    manifest = manifest_of(connection.service)
    values = {item.name: item.default for item in manifest.settings if item.default and not item.secret}
    plain, secrets = _own_values(connection)
    if manifest.oauth is not None:
        plain, secrets = _with_grant(connection, manifest.oauth, plain, secrets)
    values |= plain
    if settings.SANDBOX_URL:
        values |= {item.name: f"{settings.SANDBOX_URL}/{manifest.slug}" for item in manifest.settings if item.sandboxed}
    return ConnectionFacts(
        id=connection.pk,
        service=connection.service,
        key=connection.key,
        settings=values,
        webhook_url=webhook_url(connection) if manifest.webhook else "",
        secrets=secrets,
    )


def _own_values(connection: Connection) -> tuple[dict[str, str], dict[str, str]]:
    """Settings and secrets from where the connection has them: its record, or the environment."""
    if connection.source == ConnectionSource.ENVIRONMENT:
        plain, secrets = environment_values(manifest_of(connection.service))
        mask_secrets(secrets.values())
        return plain, secrets
    plain = {name: str(value) for name, value in connection.settings.items() if value not in (None, "")}
    return plain, open_secrets(bytes(connection.sealed_secrets), connection.service)


def _with_grant(
    connection: Connection, oauth: OAuth, plain: dict[str, str], secrets: dict[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The same with what OAuth adds: the agency's app where the connection names none, and the granted access token."""
    manifest = manifest_of(connection.service)
    for name, value in app_credentials(manifest, oauth).items():
        (secrets if manifest.item(name).secret else plain).setdefault(name, value)
    token = open_secrets(bytes(connection.sealed_tokens), connection.service).get(ACCESS_TOKEN)
    granted = {oauth.token_setting: token} if token else {}
    mask_secrets([*secrets.values()])
    return plain, {**secrets, **granted}


def webhook_url(connection: Connection) -> str:
    """The public address at which the service reports to this connection."""
    return f"{settings.PUBLIC_BASE_URL}/webhooks/{connection.service}/{connection.key}"


def seal_secrets(secrets: Mapping[str, str]) -> bytes:
    """The secrets as one token under the newest key; b"" when there are none. Raises `NotConfigured` without a key."""
    mask_secrets(secrets.values())
    return _keys().encrypt(orjson.dumps(dict(secrets))) if secrets else b""


def open_secrets(sealed: bytes, service: str = "") -> dict[str, str]:
    """The secrets of a token; from now on this process writes none of them down. Raises `NotConfigured` when none of the keys opens it."""
    if not sealed:
        return {}
    try:
        opened: dict[str, str] = orjson.loads(_keys().decrypt(sealed))
    except InvalidToken:
        raise NotConfigured(
            service, "connect", "secrets_unreadable", "no key of ENCRYPTION_KEYS opens the secrets of this connection"
        ) from None
    mask_secrets(opened.values())
    return opened


def is_sealed_by_newest(sealed: bytes) -> bool:
    """Whether the newest key alone opens the token, so that the older keys may be dropped."""
    if not sealed:
        return True
    try:
        Fernet(settings.ENCRYPTION_KEYS[0]).decrypt(sealed)
    except InvalidToken:
        return False
    return True


def _keys() -> MultiFernet:
    if not settings.ENCRYPTION_KEYS:
        raise NotConfigured("", "connect", "encryption_key_missing", "set ENCRYPTION_KEYS")
    try:
        return MultiFernet([Fernet(key) for key in settings.ENCRYPTION_KEYS])
    except ValueError:
        raise NotConfigured(
            "", "connect", "encryption_key_invalid", "each of ENCRYPTION_KEYS is 32 bytes in url-safe base64"
        ) from None
