"""Health of the SerpAPI account: what is left of its searches."""

import asyncio

from django.utils.translation import gettext_lazy as _

from integrations.facts import ConnectionFacts
from integrations.health import Health, HealthState, judged
from integrations.serpapi.client import build

FEW = 0.05  # of the plan


async def check(connection: ConnectionFacts) -> Health:
    """One look at the account, which costs no search."""
    return await judged(_look(connection))


async def _look(connection: ConnectionFacts) -> Health:
    client = build(connection)
    try:
        account = await asyncio.to_thread(client.account, operation="health")
    finally:
        client.close()
    state = HealthState.OK if account.left > account.monthly * FEW else HealthState.DEGRADED
    return Health(
        state, _("%(left)d of %(all)d searches are left this month.") % {"left": account.left, "all": account.monthly}
    )
