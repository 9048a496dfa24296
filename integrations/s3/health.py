"""Health of a store: whether the keys open it, and whether its buckets are there."""

import asyncio

from django.utils.translation import gettext_lazy as _

from integrations.facts import ConnectionFacts
from integrations.health import Health, HealthState, judged
from integrations.s3.client import build


async def check(connection: ConnectionFacts) -> Health:
    """One look for the bucket of uploads."""
    return await judged(_look(connection))


async def _look(connection: ConnectionFacts) -> Health:
    client = build(connection)
    if await asyncio.to_thread(client.is_prepared):
        return Health(HealthState.OK, _("The keys open the store; its buckets are there."))
    return Health(
        HealthState.DEGRADED, _("The keys open the store, but its buckets are missing: run manage.py storage prepare.")
    )
