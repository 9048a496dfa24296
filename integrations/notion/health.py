"""Health of a Notion workspace: whose token it is."""

import asyncio

from django.utils.translation import gettext_lazy as _

from integrations.facts import ConnectionFacts
from integrations.health import Health, HealthState, judged
from integrations.notion.client import build


async def check(connection: ConnectionFacts) -> Health:
    """One look at `users/me`."""
    return await judged(_look(connection))


async def _look(connection: ConnectionFacts) -> Health:
    client = build(connection)
    try:
        identity = await asyncio.to_thread(client.identity)
    finally:
        client.close()
    if not connection.secrets.get("verification_token"):
        return Health(HealthState.OK, _("Connected as %(identity)s; no webhook yet.") % {"identity": identity})
    return Health(HealthState.OK, _("Connected as %(identity)s.") % {"identity": identity})
