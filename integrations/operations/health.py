"""What checks of connections found: kept on the connection and in its history, and as alerts."""

from datetime import UTC

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.operations.alerts import clear_alert, raise_alert
from agency.operations.audit import record_audit
from agency.states import AlertSeverity
from integrations.health import Health, HealthState
from integrations.models import Connection, ConnectionCheck
from integrations.states import CheckState

STATES = {
    HealthState.OK: CheckState.OK,
    HealthState.DEGRADED: CheckState.DEGRADED,
    HealthState.FAILED: CheckState.FAILED,
}
SEVERITIES = {HealthState.DEGRADED: AlertSeverity.WARNING, HealthState.FAILED: AlertSeverity.CRITICAL}


@transaction.atomic
def record_health(*, actor: Actor, connection_id: int, health: Health, latency_ms: int | None = None) -> Connection:
    """Keep the result of a check. Audited only when the state changed; an alert is open as long as the connection is not well."""
    connection = Connection.objects.select_for_update(of=("self",)).select_related("client").get(pk=connection_id)
    now, before, text = timezone.now(), connection.health, str(health.text)[:300]
    connection.health, connection.health_text = health.state.value, text
    connection.checked_at, connection.latency_ms = now, latency_ms
    connection.save(update_fields=["health", "health_text", "checked_at", "latency_ms"])
    ConnectionCheck.objects.create(
        checked_at=now,
        checked_on=now.astimezone(UTC).date(),
        connection_id=connection_id,
        state=STATES[health.state],
        latency_ms=latency_ms,
        text="" if health.state is HealthState.OK else text,
    )
    if before != connection.health:
        record_audit(
            actor=actor,
            action="check_connection",
            subject=connection,
            client=connection.client,
            before={"health": before},
            after={"health": connection.health, "text": text},
        )
    _tell(actor, connection, health)
    return connection


def _tell(actor: Actor, connection: Connection, health: Health) -> None:
    key = f"connection:{connection.pk}:health"
    if health.state is HealthState.OK or not connection.enabled:
        clear_alert(actor=actor, key=key)
        return
    failed = health.state is HealthState.FAILED
    words = _("Connection %(name)s does not work") if failed else _("Connection %(name)s needs a look")
    raise_alert(
        actor=actor,
        key=key,
        severity=SEVERITIES[health.state],
        title=words % {"name": connection.name},
        todo=str(health.text) or _("Open it and test it."),
        subject=connection,
        client=connection.client,
    )
