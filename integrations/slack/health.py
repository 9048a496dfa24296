"""Health of a Slack workspace: whose token it is."""

import asyncio

from django.utils.translation import gettext_lazy as _

from integrations.facts import ConnectionFacts
from integrations.health import Health, HealthState, judged
from integrations.slack.client import build


async def check(connection: ConnectionFacts) -> Health:
    """One `auth.test`."""
    return await judged(_look(connection))


async def _look(connection: ConnectionFacts) -> Health:
    identity = await asyncio.to_thread(build(connection).identity)
    return Health(HealthState.OK, _("Connected as %(identity)s.") % {"identity": identity})
