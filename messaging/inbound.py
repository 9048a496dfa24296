"""What messaging does with the events that webhooks bring: event → operation."""

from collections.abc import Sequence

from integrations.events import EventKind, MessageEvent, ReceivedEvent
from messaging.operations.deliveries import StatusReport, apply_status_reports
from messaging.operations.replies import IncomingMessage, IncomingWish, receive_messages, receive_wishes
from messaging.states import RecipientState, SuppressionReason

STATE_OF: dict[EventKind, RecipientState] = {
    EventKind.SENT: RecipientState.SENT,
    EventKind.DELIVERED: RecipientState.DELIVERED,
    EventKind.READ: RecipientState.READ,
    EventKind.OPENED: RecipientState.READ,
    EventKind.CLICKED: RecipientState.READ,
    EventKind.COMPLAINED: RecipientState.READ,
    EventKind.UNSUBSCRIBED: RecipientState.READ,
    EventKind.FAILED: RecipientState.FAILED,
    EventKind.BOUNCED: RecipientState.FAILED,
}
OWN_REASON: dict[EventKind, str] = {
    EventKind.COMPLAINED: SuppressionReason.COMPLAINED,
    EventKind.UNSUBSCRIBED: SuppressionReason.OPTED_OUT,
}


def receive_events(events: Sequence[ReceivedEvent]) -> None:
    """Wishes to stop first, then statuses, then what people wrote; all in the caller's transaction."""
    wishes = [_wish(received) for received in events if received.event.kind in OWN_REASON or received.event.suppress]
    if wishes:
        receive_wishes(wishes=wishes)
    # A wish that speaks of no message is no status of one; its id may hold the person's address.
    reports = [
        _report(received)
        for received in events
        if received.event.kind in STATE_OF and (received.event.provider_message_id or received.event.reference)
    ]
    if reports:
        apply_status_reports(reports=reports)
    messages = [_message(received) for received in events if received.event.kind is EventKind.INBOUND]
    if messages:
        receive_messages(messages=messages)


def _reference(event: MessageEvent) -> int:
    """Our recipient id as the provider echoed it; 0 for anything else, which is then looked up by the provider's id."""
    return (
        int(event.reference)
        if event.reference.isascii() and event.reference.isdigit() and len(event.reference) < 19
        else 0
    )


def _report(received: ReceivedEvent) -> StatusReport:
    event = received.event
    return StatusReport(
        received_on=received.received_at.date(),
        connection_id=received.connection_id,
        provider_event_id=event.provider_event_id,
        provider_message_id=event.provider_message_id,
        reference=_reference(event),
        state=STATE_OF[event.kind],
        occurred_at=event.occurred_at,
        code=event.error_code or None,
    )


def _wish(received: ReceivedEvent) -> IncomingWish:
    event = received.event
    return IncomingWish(
        connection_id=received.connection_id,
        own_address=event.own_address,
        address=event.address,
        reference=_reference(event),
        reason=OWN_REASON.get(event.kind) or str(event.suppress),
    )


def _message(received: ReceivedEvent) -> IncomingMessage:
    event = received.event
    return IncomingMessage(
        connection_id=received.connection_id,
        own_address=event.own_address,
        address=event.address,
        provider_message_id=event.provider_message_id,
        text=event.text,
        at=event.occurred_at,
    )
