"""Health of an SMTP account."""

import asyncio

from django.utils.translation import gettext_lazy as _

from integrations.facts import ConnectionFacts
from integrations.health import Health, HealthState, judged
from integrations.smtp.account import build


async def check(connection: ConnectionFacts) -> Health:
    """Connect, log in and say NOOP."""
    return await judged(asyncio.to_thread(_look, connection))


def _look(connection: ConnectionFacts) -> Health:
    build(connection).look()
    if connection.settings.get("security") == "none" and connection.settings.get("username"):
        return Health(HealthState.DEGRADED, _("The password travels unencrypted; set security to starttls or tls."))
    return Health(HealthState.OK, _("The server answers and accepts the login."))
