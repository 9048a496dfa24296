"""Health of a Twilio account."""

from django.utils.translation import gettext_lazy as _

from integrations.facts import ConnectionFacts
from integrations.health import Health, HealthState, judged
from integrations.twilio.client import TwilioClient, build


async def check(connection: ConnectionFacts) -> Health:
    """One GET of the account."""
    client = build(connection)
    try:
        return await judged(_look(client, connection))
    finally:
        await client.aclose()


async def _look(client: TwilioClient, connection: ConnectionFacts) -> Health:
    status = await client.account_status()
    if status != "active":
        return Health(
            HealthState.FAILED, _("Twilio says the account is %(status)s; write to its support.") % {"status": status}
        )
    if not connection.webhook_url:
        return Health(HealthState.DEGRADED, _("No status callbacks arrive; set PUBLIC_BASE_URL."))
    return Health(HealthState.OK, _("The account is active."))
