"""Whether everything stands still, and since when, by whom and why."""

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from agency.kit.health import Finding, Health
from agency.models import Freeze
from agency.selectors.access import Viewer, sees_everything

# What a claim or the dispatcher adds to a query it makes anyway; answered by the index of the one open row.
FROZEN = "EXISTS (SELECT 1 FROM agency_freeze WHERE ended_at IS NULL)"


def current_freeze() -> Freeze | None:
    """The freeze that holds now."""
    return Freeze.objects.filter(ended_at=None).first()


def visible_freezes(user: Viewer) -> QuerySet[Freeze]:
    """All of them, past and present, for whoever sees every client: they concern everybody. Others learn of the present one by its banner."""
    return Freeze.objects.all() if sees_everything(user) else Freeze.objects.none()


def check_freeze() -> Finding:
    """For `doctor`: standing still is no fault, but nobody should wonder about it."""
    freeze = current_freeze()
    if freeze is None:
        return Finding(Health.OK, _("nothing is frozen"))
    text = _("all sending is frozen since %(began)s UTC by %(who)s: %(why)s") % {
        "began": f"{freeze.began_at:%Y-%m-%d %H:%M}",
        "who": freeze.began_by,
        "why": freeze.why,
    }
    return Finding(Health.DEGRADED, text, _("When the reason is gone: `manage.py freeze off`."))
