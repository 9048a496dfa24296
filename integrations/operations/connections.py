"""Every change of a connection. Audit entries name the secrets that changed and never their values."""

from collections.abc import Mapping

from django.db import transaction
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from agency.models import Client
from agency.operations.alerts import clear_alerts_of
from agency.operations.audit import record_audit
from integrations.connections import is_sealed_by_newest, open_secrets, seal_secrets
from integrations.errors import NotConfigured
from integrations.models import Connection
from integrations.operations.connection_values import accepted_values, connection_name, known_manifest
from integrations.operations.environment import let_rest
from integrations.states import ConnectionSource

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
    given = accepted_values(known_manifest(service), settings or {}, secrets or {})
    connection = Connection.objects.create(
        service=service,
        name=connection_name(name),
        client=client,
        settings=given.plain,
        sealed_secrets=seal_secrets(given.secrets),
        credential_facts=given.facts,
    )
    after = {"service": service, "name": connection.name, "settings": given.plain, "secrets": sorted(given.secrets)}
    record_audit(actor=actor, action="create_connection", subject=connection, client=client, after=after, why=why)
    let_rest(actor=actor, service=service)
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
    """Change name, settings (the whole set) or secrets (only those given and not empty). Raises `InvalidInput`.

    Raises `OperationRefused` for a connection of the environment.
    """
    connection = _own(connection_id)
    manifest = known_manifest(connection.service)
    kept = open_secrets(bytes(connection.sealed_secrets), connection.service)
    typed = {key: value for key, value in (secrets or {}).items() if value}
    given = accepted_values(manifest, connection.settings if settings is None else settings, {**kept, **typed})
    before = {"name": connection.name, "settings": connection.settings}
    connection.name = connection.name if name is None else connection_name(name)
    connection.settings, connection.credential_facts = given.plain, given.facts
    if given.secrets != kept:
        connection.sealed_secrets = seal_secrets(given.secrets)
    changed = sorted(key for key in given.secrets if given.secrets[key] != kept.get(key))
    after = {"name": connection.name, "settings": given.plain, "secrets changed": changed}
    if changed or before != {"name": connection.name, "settings": given.plain}:
        connection.save(update_fields=["name", "settings", "sealed_secrets", "credential_facts"])
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
                sealed, tokens = bytes(connection.sealed_secrets), bytes(connection.sealed_tokens)
                if is_sealed_by_newest(sealed) and is_sealed_by_newest(tokens):
                    continue
                try:
                    connection.sealed_secrets = seal_secrets(open_secrets(sealed, connection.service))
                    connection.sealed_tokens = seal_secrets(open_secrets(tokens, connection.service))
                except NotConfigured:
                    unreadable.append(connection.pk)
                    continue
                connection.save(update_fields=["sealed_secrets", "sealed_tokens"])
                record_audit(actor=actor, action="rotate_secrets", subject=connection, client=connection.client)
                rotated += 1


@transaction.atomic
def _set_enabled(actor: Actor, connection_id: int, *, enabled: bool, why: str) -> Connection:
    connection = _own(connection_id)
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
        if not enabled:
            clear_alerts_of(actor=actor, subject=connection)
        let_rest(actor=actor, service=connection.service)
    return connection


def _own(connection_id: int) -> Connection:
    """The connection, locked. Raises `OperationRefused` where the environment and not a person decides."""
    connection = Connection.objects.select_for_update().get(pk=connection_id)
    if connection.source == ConnectionSource.ENVIRONMENT:
        raise OperationRefused(
            "environment_connection",
            _("This connection is written in the environment of the server; change it there."),
        )
    return connection
