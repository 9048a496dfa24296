"""Which connections a person may see, and which there are for a purpose."""

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from agency.models import Client, User
from agency.selectors.access import visible_clients
from agency.states import Role
from integrations.models import Connection
from integrations.registry import manifests

AGENCY_WIDE_ROLES = (Role.DIRECTOR, Role.TECH)  # who may see the agency's own accounts


def connections_visible_to(user: User | AnonymousUser) -> QuerySet[Connection]:
    """Connections of the clients granted to the user; the agency's own as well for directors and tech."""
    if not isinstance(user, User) or not user.is_active:
        return Connection.objects.none()
    found = Connection.objects.filter(client__in=visible_clients(user))
    if user.is_superuser or user.groups.filter(name__in=AGENCY_WIDE_ROLES).exists():
        found |= Connection.objects.filter(client__isnull=True)
    return found


def connections_for_channel(channel: str, client: Client) -> QuerySet[Connection]:
    """Enabled connections that could carry a client's messages on a channel (whatsapp, sms, email)."""
    slugs = [slug for slug, manifest in manifests().items() if channel in manifest.channels]
    usable = Connection.objects.filter(enabled=True, service__in=slugs)
    return usable.filter(client=client) | usable.filter(client__isnull=True)
