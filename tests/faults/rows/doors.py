"""Status webhooks that come twice, out of order, late, all at once, or before our own record."""

from django.db import connection

from tests.faults.ground import Ground
from tests.faults.table import Broken, fault
from tests.faults.waiting import wait_for


@fault(
    "webhooks",
    injects="status webhooks duplicated, reordered, late, all at once after being held, and before our own record",
    holds="states monotone; one event per provider id",
    seconds=60,
)
def webhooks(ground: Ground) -> float:
    """The provider answers late, so statuses overtake our record; half of the webhooks are then held and come together."""
    control = ground.platform.sandbox.control
    control.add_fault("latency", operation="send", share=0.5, seconds=1.5)
    control.add_fault("duplicate_webhooks", share=0.5)
    control.add_fault("reorder_webhooks", share=0.3, seconds=2)
    control.add_fault("delay_webhooks", share=0.1, seconds=6)
    trial = ground.trial(1_500)
    wait_for("half is sent", 60, ground.alive(lambda: trial.accepted() >= 750))
    control.hold_webhooks()
    wait_for("every row final", 90, ground.alive(trial.finished))
    control.release_webhooks()
    took = wait_for("webhooks delivered", 90, lambda: control.webhook_state().at_rest)
    ground.settle(trial)
    if control.webhook_state().duplicated == 0:
        raise Broken("no webhook was duplicated: nothing was proven")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(DISTINCT (e.connection_id, e.provider_event_id)) FROM messaging_deliveryevent e WHERE e.job_id = %s",
            [trial.job_id],
        )
        events, distinct = cursor.fetchone()
        cursor.execute(
            "SELECT count(*) FROM messaging_recipient r JOIN "
            "(SELECT recipient_id, max(state) AS furthest FROM messaging_deliveryevent WHERE job_id = %s GROUP BY 1) e "
            "ON e.recipient_id = r.id WHERE r.state < e.furthest",
            [trial.job_id],
        )
        (behind,) = cursor.fetchone()
    if events != distinct or behind:
        raise Broken(f"{events} events of {distinct} provider ids; {behind} rows stand behind their own events")
    return took
