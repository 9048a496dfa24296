"""Health of the access to Google Drive: whose it is."""

import asyncio

from django.utils.translation import gettext_lazy as _

from integrations.facts import ConnectionFacts
from integrations.google_drive.client import build
from integrations.health import Health, HealthState, judged


async def check(connection: ConnectionFacts) -> Health:
    """One look at Drive's `about`."""
    return await judged(_look(connection))


async def _look(connection: ConnectionFacts) -> Health:
    client = await asyncio.to_thread(build, connection)
    try:
        identity = await asyncio.to_thread(client.identity)
    finally:
        client.close()
    return Health(HealthState.OK, _("Connected as %(identity)s.") % {"identity": identity})
