"""Health of an Evolution server: its instances and whether their phones are connected."""

import asyncio
from contextlib import closing

from django.utils.translation import gettext_lazy as _

from integrations.evolution.account import OPEN, build
from integrations.facts import ConnectionFacts
from integrations.health import Health, HealthState, judged


async def check(connection: ConnectionFacts) -> Health:
    """One GET of the instances."""
    return await judged(asyncio.to_thread(_look, connection))


def _look(connection: ConnectionFacts) -> Health:
    with closing(build(connection)) as account:
        instances = account.look()
    closed = [instance.name for instance in instances if instance.state != OPEN]
    if not instances or len(closed) == len(instances):
        return Health(
            HealthState.FAILED,
            _("No instance is connected; scan the QR code in Evolution: %(names)s") % {"names": ", ".join(closed)},
        )
    if closed:
        return Health(
            HealthState.DEGRADED,
            _("These instances are disconnected; scan their QR code in Evolution: %(names)s")
            % {"names": ", ".join(closed)},
        )
    return Health(HealthState.OK, _("%(count)d instance(s) connected.") % {"count": len(instances)})
