"""Health of a bot at Telegram: which bot the token belongs to."""

import asyncio

from django.utils.translation import gettext_lazy as _

from integrations.facts import ConnectionFacts
from integrations.health import Health, HealthState, judged
from integrations.telegram.client import build


async def check(connection: ConnectionFacts) -> Health:
    """One `getMe`."""
    return await judged(_look(connection))


async def _look(connection: ConnectionFacts) -> Health:
    identity = await asyncio.to_thread(_identity, connection)
    return Health(HealthState.OK, _("Connected as %(identity)s.") % {"identity": identity})


def _identity(connection: ConnectionFacts) -> str:
    client = build(connection)
    try:
        return client.identity()
    finally:
        client.close()
