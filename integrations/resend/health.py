"""Health of a Resend team: its key and its domains."""

import asyncio
from contextlib import closing

from django.utils.translation import gettext_lazy as _

from integrations.errors import AuthenticationFailed
from integrations.facts import ConnectionFacts
from integrations.health import Health, HealthState, judged
from integrations.resend.account import build


async def check(connection: ConnectionFacts) -> Health:
    """One GET of the domains."""
    return await judged(asyncio.to_thread(_look, connection))


def _look(connection: ConnectionFacts) -> Health:
    try:
        with closing(build(connection)) as account:
            unverified = account.unverified_domains()
    except AuthenticationFailed as error:
        if error.code == "restricted_api_key":
            return Health(HealthState.OK, _("The key may send and nothing else, which is how it should be."))
        raise
    if unverified:
        return Health(
            HealthState.DEGRADED,
            _("These domains are not verified yet; add their DNS records: %(names)s")
            % {"names": ", ".join(unverified)},
        )
    return Health(HealthState.OK, _("All domains are verified."))
