"""Health of a WhatsApp Business account: its numbers and Meta's rating of them."""

import asyncio
from contextlib import closing

from django.utils.translation import gettext_lazy as _

from integrations.facts import ConnectionFacts
from integrations.health import Health, HealthState, judged
from integrations.whatsapp_cloud.account import build


async def check(connection: ConnectionFacts) -> Health:
    """One GET of the account's numbers."""
    return await judged(asyncio.to_thread(_look, connection))


def _look(connection: ConnectionFacts) -> Health:
    with closing(build(connection)) as account:
        numbers = account.look()
    if not numbers:
        return Health(HealthState.FAILED, _("The account has no number; register one in WhatsApp Manager."))
    low = [number.display for number in numbers if number.quality.upper() in ("RED", "YELLOW")]
    if low:
        return Health(
            HealthState.DEGRADED,
            _("Meta rates these numbers low; slow down and review their templates: %(numbers)s")
            % {"numbers": ", ".join(low)},
        )
    return Health(HealthState.OK, _("%(count)d number(s) answer.") % {"count": len(numbers)})
