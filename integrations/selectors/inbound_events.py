"""Reading stored webhook deliveries: who sees which, how many wait, how old the oldest is."""

from collections.abc import Iterable

from django.db import connection
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _

from agency.kit.health import Finding, Health
from agency.kit.metrics import Sample
from agency.selectors.access import Viewer, sees_everything
from integrations.models import Connection, InboundEvent
from integrations.selectors.visible import visible_connections
from integrations.states import InboundState

COUNT_LIMIT = 10_000  # rows counted at most; beyond, the number says "that many or more"

FAILED_SHOWN = 1_000  # dead letters counted at most for one person's home page

LATE_SECONDS = 60  # a delivery that waits longer means that nobody dispatches

# Both counts stop at the limit, and both are answered by partial indexes.
_BACKLOG = """
SELECT (SELECT count(*) FROM (SELECT FROM integrations_inboundevent WHERE state = 0 LIMIT %(limit)s) AS waiting),
       (SELECT count(*) FROM (SELECT FROM integrations_inboundevent WHERE state = 3 LIMIT %(limit)s) AS failed),
       coalesce((SELECT extract(epoch FROM now() - received_at) FROM integrations_inboundevent
                 WHERE state = 0 ORDER BY received_on, id LIMIT 1), 0)
"""


def visible_inbound_events(user: Viewer) -> QuerySet[InboundEvent]:
    """Deliveries to connections the person sees, without their bodies, with `connection_name`.

    There is no foreign key on this table: whoever sees everything also sees deliveries whose connection was removed.
    """
    name = Connection.objects.filter(pk=OuterRef("connection_id")).values("name")[:1]
    events = InboundEvent.objects.defer("body").annotate(connection_name=Subquery(name))
    if sees_everything(user):
        return events
    return events.filter(connection_id__in=list(visible_connections(user).values_list("pk", flat=True)))


def failed_inbound_events(user: Viewer) -> int:
    """Dead letters the person sees, at most `FAILED_SHOWN`."""
    failed = visible_inbound_events(user).filter(state=InboundState.FAILED)
    return failed.order_by().values("pk")[:FAILED_SHOWN].count()


def inbound_backlog() -> tuple[int, int, float]:
    """(waiting, failed, age of the oldest waiting delivery in seconds); each count at most `COUNT_LIMIT`."""
    with connection.cursor() as cursor:
        cursor.execute(_BACKLOG, {"limit": COUNT_LIMIT})
        waiting, failed, age = cursor.fetchone()
    return int(waiting), int(failed), float(age)


def check_inbound_events() -> Finding:
    """Whether stored webhooks are acted upon in time, and whether some need a person."""
    waiting, failed, age = inbound_backlog()
    if age > LATE_SECONDS:
        text = _("%(waiting)d wait, the oldest for %(age)d s") % {"waiting": waiting, "age": age}
        return Finding(Health.FAILED, text, _("Start a worker for the queue webhooks, or more of them."))
    if failed:
        text = _("%(failed)d could not be applied") % {"failed": failed}
        return Finding(Health.DEGRADED, text, _("Look at failed inbound events in the admin; mend the cause, replay."))
    return Finding(Health.OK, _("%(waiting)d wait") % {"waiting": waiting})


def inbound_gauges() -> Iterable[Sample]:
    """The backlog for Prometheus."""
    waiting, failed, age = inbound_backlog()
    return (
        Sample("inbound_waiting", "Webhook deliveries that wait to be acted upon (counted to 10,000)", waiting),
        Sample("inbound_failed", "Webhook deliveries that are dead letters (counted to 10,000)", failed),
        Sample("inbound_oldest_seconds", "Age of the oldest waiting webhook delivery", age),
    )
