"""Health of a pixel: whether Meta takes its events, and when the last one came."""

import asyncio

from django.utils.translation import gettext_lazy as _

from integrations.facts import ConnectionFacts
from integrations.health import Health, HealthState, judged
from integrations.meta_pixel.client import build


async def check(connection: ConnectionFacts) -> Health:
    """One GET of the pixel."""
    return await judged(_look(connection))


async def _look(connection: ConnectionFacts) -> Health:
    pixel = await asyncio.to_thread(build(connection).look)
    if pixel.is_unavailable:
        return Health(HealthState.FAILED, _("Meta has switched this pixel off; look into Events Manager."))
    if pixel.last_fired_at is None:
        return Health(HealthState.DEGRADED, _("The pixel %(name)s has never fired.") % {"name": pixel.name})
    return Health(HealthState.OK, _("Connected as %(identity)s.") % {"identity": pixel.name})
