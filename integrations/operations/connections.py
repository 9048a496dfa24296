"""Every change of a connection. Audit entries name the secrets that changed and never their values."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput
from agency.models import Client
from agency.operations.audit import record_audit
from integrations.connections import is_sealed_by_newest, open_secrets, seal_secrets
from integrations.errors import NotConfigured
from integrations.health import Health
from integrations.manifest import Manifest
from integrations.models import Connection
from integrations.registry import manifest_of

ROTATION_CHUNK = 200


@transaction.atomic
def create_connection(
    *,
    actor: Actor,
    service: str,
    name: str,
    client: Client | None = None,
    settings: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    why: str = "",
) -> Connection:
    """Connect an account of an outside service. Raises `InvalidInput` naming the field to mend."""
    manifest = _manifest(service)
    plain, sealed = _accepted(manifest, settings or {}, secrets or {})
    connection = Connection.objects.create(
        service=service, name=_name(name), client=client, settings=plain, sealed_secrets=seal_secrets(sealed)
    )
    after = {"service": service, "name": connection.name, "settings": plain, "secrets": sorted(sealed)}
    record_audit(actor=actor, action="create_connection", subject=connection, client=client, after=after, why=why)
    return connection


@transaction.atomic
def update_connection(
    *,
    actor: Actor,
    connection_id: int,
    name: str | None = None,
    settings: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    why: str = "",
) -> Connection:
    """Change name, settings (the whole set) or secrets (only those given and not empty). Raises `InvalidInput`."""
    connection = Connection.objects.select_for_update().get(pk=connection_id)
    manifest = _manifest(connection.service)
    kept = open_secrets(bytes(connection.sealed_secrets), connection.service)
    given = {key: value for key, value in (secrets or {}).items() if value}
    plain, sealed = _accepted(manifest, connection.settings if settings is None else settings, {**kept, **given})
    before = {"name": connection.name, "settings": connection.settings}
    connection.name = connection.name if name is None else _name(name)
    connection.settings = plain
    if sealed != kept:
        connection.sealed_secrets = seal_secrets(sealed)
    changed = sorted(key for key in sealed if sealed[key] != kept.get(key))
    after = {"name": connection.name, "settings": plain, "secrets changed": changed}
    if changed or before != {"name": connection.name, "settings": plain}:
        connection.save(update_fields=["name", "settings", "sealed_secrets"])
        record_audit(
            actor=actor,
            action="update_connection",
            subject=connection,
            client=connection.client,
            before=before,
            after=after,
            why=why,
        )
    return connection


def enable_connection(*, actor: Actor, connection_id: int, why: str = "") -> Connection:
    """Let the connection be used again."""
    return _set_enabled(actor, connection_id, enabled=True, why=why)


def disable_connection(*, actor: Actor, connection_id: int, why: str = "") -> Connection:
    """Stop every use of the connection: sends through it are skipped as not configured, its webhooks refused."""
    return _set_enabled(actor, connection_id, enabled=False, why=why)


@transaction.atomic
def record_health(*, actor: Actor, connection_id: int, health: Health) -> Connection:
    """Keep the result of a check; audited only when the state changed."""
    connection = Connection.objects.select_for_update().get(pk=connection_id)
    before = connection.health
    connection.health = health.state.value
    connection.health_text = str(health.text)[:300]
    connection.checked_at = timezone.now()
    connection.save(update_fields=["health", "health_text", "checked_at"])
    if before != connection.health:
        record_audit(
            actor=actor,
            action="check_connection",
            subject=connection,
            client=connection.client,
            before={"health": before},
            after={"health": connection.health, "text": connection.health_text},
        )
    return connection


def rotate_secrets(*, actor: Actor) -> tuple[int, list[int]]:
    """Seal every connection's secrets with the newest key, in chunks; safe to repeat.

    Returns how many were sealed anew, and the ids of those that no key opens.
    """
    rotated, unreadable, last = 0, list[int](), 0
    while True:
        with transaction.atomic():
            chunk = list(Connection.objects.select_for_update().filter(pk__gt=last).order_by("pk")[:ROTATION_CHUNK])
            if not chunk:
                return rotated, unreadable
            last = chunk[-1].pk
            for connection in chunk:
                sealed = bytes(connection.sealed_secrets)
                if is_sealed_by_newest(sealed):
                    continue
                try:
                    connection.sealed_secrets = seal_secrets(open_secrets(sealed, connection.service))
                except NotConfigured:
                    unreadable.append(connection.pk)
                    continue
                connection.save(update_fields=["sealed_secrets"])
                record_audit(actor=actor, action="rotate_secrets", subject=connection, client=connection.client)
                rotated += 1


@transaction.atomic
def _set_enabled(actor: Actor, connection_id: int, *, enabled: bool, why: str) -> Connection:
    connection = Connection.objects.select_for_update().get(pk=connection_id)
    if connection.enabled != enabled:
        connection.enabled = enabled
        connection.save(update_fields=["enabled"])
        record_audit(
            actor=actor,
            action="enable_connection" if enabled else "disable_connection",
            subject=connection,
            client=connection.client,
            before={"enabled": not enabled},
            after={"enabled": enabled},
            why=why,
        )
    return connection


def _manifest(service: str) -> Manifest:
    try:
        return manifest_of(service)
    except NotConfigured:
        raise InvalidInput("service_unknown", _("There is no such service."), "service") from None


def _name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > 120:
        raise InvalidInput("name_invalid", _("Give a name of 1 to 120 characters."), "name")
    return name


def _accepted(
    manifest: Manifest, settings: Mapping[str, str], secrets: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The settings and secrets that the manifest knows, stripped. Raises `InvalidInput`."""
    unknown = sorted(({*settings} - {*manifest.plain_names}) | ({*secrets} - {*manifest.secret_names}))
    if unknown:
        raise InvalidInput("setting_unknown", _("%(name)s is not a setting.") % {"name": unknown[0]}, unknown[0])
    plain = {name: str(value).strip() for name, value in settings.items() if str(value).strip()}
    sealed = {name: value.strip() for name, value in secrets.items() if value.strip()}
    titles = {item.name: item.title for item in manifest.settings}
    for name in manifest.missing(plain, sealed):
        raise InvalidInput("setting_missing", _("%(title)s is required.") % {"title": titles[name]}, name)
    for item in manifest.settings:
        value = plain.get(item.name, "")
        if item.sandboxed and value and not _is_web_address(value):
            raise InvalidInput("url_invalid", _("Enter an address that starts with https://."), item.name)
    for name, value in {**plain, **sealed}.items():
        if not value.isprintable():
            raise InvalidInput("characters", _("%(title)s holds control characters.") % {"title": titles[name]}, name)
    return plain, sealed


def _is_web_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username and not parts.query
    except ValueError:
        return False
