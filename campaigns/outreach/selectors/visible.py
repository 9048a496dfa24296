"""Which campaigns and executions a person may see: those of visible clients. Doors start every query here."""

from django.db.models import QuerySet

from agency.selectors.access import Viewer, only_visible
from campaigns.outreach.models import Campaign, Execution, Segment


def visible_campaigns(user: Viewer) -> QuerySet[Campaign]:
    """Campaigns of visible clients."""
    return only_visible(Campaign.objects.select_related("client", "template", "segment", "pool"), user)


def visible_executions(user: Viewer) -> QuerySet[Execution]:
    """Executions of visible campaigns, with their send job."""
    return only_visible(Execution.objects.select_related("campaign__client", "job"), user, "campaign__client")


def visible_segments(user: Viewer) -> QuerySet[Segment]:
    """Segments of visible clients."""
    return only_visible(Segment.objects.select_related("client"), user)
