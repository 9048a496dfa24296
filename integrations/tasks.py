"""The integration layer's tasks. A message is only a nudge: the stored rows are the work."""

from celery import shared_task

from agency.kit.queue import enqueue
from integrations.inbound import deliver
from integrations.runners.dispatching import dispatch_inbound as dispatch_due_events


@shared_task(name="integrations.dispatch_inbound")
def dispatch_inbound() -> None:
    """Acts on stored webhook deliveries, and wakes itself again while some are left."""
    if dispatch_due_events(deliver):
        enqueue("integrations.dispatch_inbound")
