"""Which alerts a person sees: those of visible clients; those of the agency as a whole are for directors."""

from django.db.models import QuerySet

from agency.models import Alert
from agency.selectors.access import Viewer, only_visible


def visible_alerts(user: Viewer) -> QuerySet[Alert]:
    """Every episode, open or over, about clients the person sees."""
    return only_visible(Alert.objects.select_related("client", "acknowledged_by"), user)


def open_alerts(user: Viewer) -> QuerySet[Alert]:
    """What is wrong now, the worst and then the newest first."""
    return visible_alerts(user).filter(cleared_at__isnull=True).order_by("-severity", "-raised_at", "-pk")


def waiting_alerts(user: Viewer, most: int = 20) -> list[Alert]:
    """What is wrong now and nobody has taken on yet."""
    return list(open_alerts(user).filter(acknowledged_at__isnull=True)[:most])
