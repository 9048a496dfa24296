"""Which connections a person may see: those of visible clients; the agency's own accounts are for directors."""

from django.db.models import QuerySet

from agency.selectors.access import Viewer, only_visible
from integrations.models import Connection


def visible_connections(user: Viewer) -> QuerySet[Connection]:
    """Connections of visible clients; those without a client only for whoever sees everything."""
    return only_visible(Connection.objects.select_related("client"), user)
