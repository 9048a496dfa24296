"""Health of a WhatsApp Business account: its numbers and Meta's rating of them."""

from django.utils.translation import gettext_lazy as _

from integrations.facts import ConnectionFacts
from integrations.health import Health, HealthState, judged
from integrations.whatsapp_cloud.client import WhatsAppCloudClient, build


async def check(connection: ConnectionFacts) -> Health:
    """One GET of the account's numbers."""
    client = build(connection)
    try:
        return await judged(_look(client))
    finally:
        await client.aclose()


async def _look(client: WhatsAppCloudClient) -> Health:
    numbers = await client.phone_numbers()
    if not numbers:
        return Health(HealthState.FAILED, _("The account has no number; register one in WhatsApp Manager."))
    low = [number.display or number.id for number in numbers if number.quality.upper() in ("RED", "YELLOW")]
    if low:
        return Health(
            HealthState.DEGRADED,
            _("Meta rates these numbers low; slow down and review their templates: %(numbers)s")
            % {"numbers": ", ".join(low)},
        )
    return Health(HealthState.OK, _("%(count)d number(s) answer.") % {"count": len(numbers)})
