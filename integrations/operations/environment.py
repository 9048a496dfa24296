"""Records of connections that are written in the environment, kept in step with it. The record that a person entered wins while both exist."""

from django.db import transaction

from agency.kit.actor import Actor
from agency.operations.alerts import clear_alerts_of
from agency.operations.audit import record_audit
from integrations.environment import environment_facts, is_given
from integrations.models import Connection
from integrations.registry import manifests
from integrations.states import ConnectionSource


@transaction.atomic
def sync_environment_connections(*, actor: Actor) -> int:
    """One record for each service that the environment names; switched off where it no longer does. Returns how many are in use."""
    used = 0
    present = {
        connection.service: connection
        for connection in Connection.objects.select_for_update().filter(source=ConnectionSource.ENVIRONMENT)
    }
    for service, manifest in manifests().items():
        given, connection = is_given(manifest), present.pop(service, None)
        if given and connection is None:
            connection, made = Connection.objects.get_or_create(
                service=service,
                source=ConnectionSource.ENVIRONMENT,
                defaults={"name": f"{manifest.title} · env", "enabled": False},
            )
            if made:
                record_audit(actor=actor, action="create_connection", subject=connection, after={"service": service})
        if connection is not None:
            _keep_facts(connection, environment_facts(manifest))
            used += _switch(actor, connection, enabled=given and not _is_entered(service))
    for connection in present.values():  # of a service that is gone
        _switch(actor, connection, enabled=False)
    return used


def let_rest(*, actor: Actor, service: str) -> None:
    """After a person's connection came, or was switched on or off: the environment's one rests while there is an entered one."""
    with transaction.atomic():
        connection = (
            Connection.objects.select_for_update().filter(service=service, source=ConnectionSource.ENVIRONMENT).first()
        )
        if connection is not None and service in manifests():
            _switch(actor, connection, enabled=is_given(manifests()[service]) and not _is_entered(service))


def _is_entered(service: str) -> bool:
    own = Connection.objects.filter(service=service, client__isnull=True, enabled=True, source=ConnectionSource.PERSON)
    return own.exists()


def _keep_facts(connection: Connection, facts: dict[str, dict[str, str]]) -> None:
    if connection.credential_facts != facts:
        connection.credential_facts = facts
        connection.save(update_fields=["credential_facts"])


def _switch(actor: Actor, connection: Connection, *, enabled: bool) -> int:
    if connection.enabled != enabled:
        connection.enabled = enabled
        connection.save(update_fields=["enabled"])
        action = "enable_connection" if enabled else "disable_connection"
        record_audit(actor=actor, action=action, subject=connection, after={"enabled": enabled})
        if not enabled:
            clear_alerts_of(actor=actor, subject=connection)
    return int(enabled)
