"""Confirming that our webhook address listens to a topic, outside any transaction and never in the door."""

from integrations.calling.calls import refuse_inside_transaction
from integrations.connections import facts_of
from integrations.models import Connection, InboundEvent
from integrations.registry import service_module


def confirm_subscription(*, inbound_event_id: int) -> None:
    """Visit the address in a stored question of Amazon SNS. Visiting it twice confirms once; replaying the event asks again.

    Raises `integrations.errors`, and `UnreadablePayload` for an address that is not Amazon's.
    """
    refuse_inside_transaction()
    event = InboundEvent.objects.get(pk=inbound_event_id)
    connection = facts_of(Connection.objects.get(pk=event.connection_id))
    service_module(event.service, "sns").confirm(bytes(event.body), connection)
