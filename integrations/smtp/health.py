"""Health of an SMTP account."""

from django.utils.translation import gettext_lazy as _

from integrations.facts import ConnectionFacts
from integrations.health import Health, HealthState, judged
from integrations.smtp.client import SmtpClient, build


async def check(connection: ConnectionFacts) -> Health:
    """Connect, log in and say NOOP."""
    client = build(connection)
    try:
        return await judged(_look(client, connection))
    finally:
        await client.aclose()


async def _look(client: SmtpClient, connection: ConnectionFacts) -> Health:
    await client.greet()
    if connection.settings.get("security") == "none" and connection.settings.get("username"):
        return Health(HealthState.DEGRADED, _("The password travels unencrypted; set security to starttls or tls."))
    return Health(HealthState.OK, _("The server answers and accepts the login."))
