"""Health of a Resend team: its key and its domains."""

from django.utils.translation import gettext_lazy as _

from integrations.errors import AuthenticationFailed
from integrations.facts import ConnectionFacts
from integrations.health import Health, HealthState, judged
from integrations.resend.client import ResendClient, build


async def check(connection: ConnectionFacts) -> Health:
    """One GET of the domains."""
    client = build(connection)
    try:
        return await judged(_look(client))
    finally:
        await client.aclose()


async def _look(client: ResendClient) -> Health:
    try:
        unverified = await client.unverified_domains()
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
