"""Health of a Gemini key: whether it may use a model at all."""

import asyncio

from django.utils.translation import gettext_lazy as _

from integrations.facts import ConnectionFacts
from integrations.gemini.client import build
from integrations.health import Health, HealthState, judged


async def check(connection: ConnectionFacts) -> Health:
    """One look at the list of models; it costs no tokens."""
    return await judged(_look(connection))


async def _look(connection: ConnectionFacts) -> Health:
    model = build(connection)
    try:
        name = await asyncio.to_thread(model.first_model)
    finally:
        model.close()
    return Health(HealthState.OK, _("The key works; a model it may use: %(model)s.") % {"model": name})
