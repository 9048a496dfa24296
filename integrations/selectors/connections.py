"""Which connections there are for a purpose."""

from django.db.models import QuerySet

from agency.models import Client
from agency.selectors.access import Viewer
from integrations.health import HealthState
from integrations.models import Connection
from integrations.registry import manifests
from integrations.selectors.visible import visible_connections


def connections_for_channel(channel: str, client: Client) -> QuerySet[Connection]:
    """Enabled connections that could carry a client's messages on a channel (whatsapp, sms, email)."""
    slugs = [slug for slug, manifest in manifests().items() if channel in manifest.channels]
    usable = Connection.objects.filter(enabled=True, service__in=slugs)
    return usable.filter(client=client) | usable.filter(client__isnull=True)


def troubled_connections(user: Viewer, most: int = 20) -> list[Connection]:
    """Enabled connections the person sees whose last check failed or found something to look at, failed ones first."""
    troubled = visible_connections(user).filter(
        enabled=True, health__in=(HealthState.FAILED.value, HealthState.DEGRADED.value)
    )
    return list(troubled.order_by("-health", "-checked_at")[:most])
