"""Testing a connection: facts, one cheap call outside any transaction, and the result recorded."""

import asyncio

from agency.kit.actor import Actor
from integrations.calling.calls import refuse_inside_transaction
from integrations.connections import facts_of
from integrations.errors import NotConfigured, TemporaryFailure
from integrations.health import Health, advice
from integrations.models import Connection
from integrations.operations.connections import record_health
from integrations.registry import manifest_of, service_module

SECONDS = 45.0


def check_connection(*, actor: Actor, connection_id: int) -> Health:
    """Test one connection and keep the result. The caller has no transaction open and no event loop running."""
    refuse_inside_transaction()
    connection = Connection.objects.get(pk=connection_id)
    health = _measured(connection)
    record_health(actor=actor, connection_id=connection_id, health=health)
    return health


def _measured(connection: Connection) -> Health:
    try:
        facts = facts_of(connection)
        missing = manifest_of(connection.service).missing(facts.settings, facts.secrets)
        if missing:
            raise NotConfigured(connection.service, "health", "setting_missing", f"empty: {', '.join(missing)}")
        module = service_module(connection.service, "health")
    except NotConfigured as error:
        return advice(error)
    try:
        health: Health = asyncio.run(asyncio.wait_for(module.check(facts), SECONDS))
    except TimeoutError:
        return advice(
            TemporaryFailure(
                connection.service, "health", "timeout", f"no answer in {SECONDS:.0f} seconds", accepted_possible=False
            )
        )
    return health
