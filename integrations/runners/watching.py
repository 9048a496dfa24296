"""The regular looks at connections, as Beat and the command start them."""

from django.utils import timezone

from agency.kit.actor import Actor
from integrations.models import Connection
from integrations.operations.environment import sync_environment_connections
from integrations.operations.expiries import review_expiries
from integrations.runners.check_connection import Checked, check_connections


def check_all_connections(*, actor: Actor) -> list[Checked]:
    """Keep the environment's connections in step, then test every connection in use at the same time."""
    sync_environment_connections(actor=actor)
    used = list(Connection.objects.filter(enabled=True).select_related("client").order_by("service", "pk"))
    return check_connections(actor=actor, connections=used)


def watch_expiries(*, actor: Actor) -> int:
    """Tell people what ends soon. Returns how many do."""
    return review_expiries(actor=actor, now=timezone.now())
