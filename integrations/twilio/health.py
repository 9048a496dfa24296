"""Health of a Twilio account."""

import asyncio
from contextlib import closing

from django.utils.translation import gettext_lazy as _

from integrations.facts import ConnectionFacts
from integrations.health import Health, HealthState, judged
from integrations.twilio.account import build


async def check(connection: ConnectionFacts) -> Health:
    """One GET of the account."""
    return await judged(asyncio.to_thread(_look, connection))


def _look(connection: ConnectionFacts) -> Health:
    with closing(build(connection)) as account:
        status = account.look().status
    if status != "active":
        return Health(
            HealthState.FAILED, _("Twilio says the account is %(status)s; write to its support.") % {"status": status}
        )
    if not connection.webhook_url:
        return Health(HealthState.DEGRADED, _("No status callbacks arrive; set PUBLIC_BASE_URL."))
    return Health(HealthState.OK, _("The account is active."))
