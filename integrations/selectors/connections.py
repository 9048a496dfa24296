"""Which connections there are for a purpose."""

from django.db.models import QuerySet

from agency.models import Client
from integrations.models import Connection
from integrations.registry import manifests


def connections_for_channel(channel: str, client: Client) -> QuerySet[Connection]:
    """Enabled connections that could carry a client's messages on a channel (whatsapp, sms, email)."""
    slugs = [slug for slug, manifest in manifests().items() if channel in manifest.channels]
    usable = Connection.objects.filter(enabled=True, service__in=slugs)
    return usable.filter(client=client) | usable.filter(client__isnull=True)
