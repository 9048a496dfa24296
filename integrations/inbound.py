"""Who acts on what arrives: the table "kind of event → receiver" that packages above fill in their `apps.py`.

    register_receiver(MessageEvent, "messaging", receive_events)

A receiver gets whole batches, inside the transaction that marks their inbound events done. It must be indifferent to
seeing an event twice, and raises only for what makes the very events impossible to apply.
"""

from collections.abc import Callable, Sequence
from typing import Any

from agency.kit.actor import Actor
from agency.kit.queue import enqueue_after_commit
from integrations.events import (
    ConnectionEvent,
    InboundFact,
    ReceivedConnectionEvent,
    ReceivedFact,
    ReceivedSecretEvent,
    ReceivedServiceEvent,
    SecretEvent,
    ServiceEvent,
)
from integrations.health import advice_for_link
from integrations.models import Connection
from integrations.operations.given_secrets import keep_given_secret
from integrations.operations.health import record_health

Receiver = Callable[[Sequence[Any]], None]

_receivers: dict[type[InboundFact], dict[str, Receiver]] = {}


def register_receiver(kind: type[InboundFact], package: str, receive: Receiver) -> None:
    """Let `package` receive events of this kind; one receiver a package and kind, the last one registered."""
    _receivers.setdefault(kind, {})[package] = receive


def deliver(events: Sequence[ReceivedFact]) -> None:
    """Give each receiver its events, in the order they came, in one call."""
    by_kind: dict[type[InboundFact], list[ReceivedFact]] = {}
    for received in events:
        by_kind.setdefault(type(received.event), []).append(received)
    for kind, batch in by_kind.items():
        for receive in _receivers.get(kind, {}).values():
            receive(batch)


def receive_connection_events(events: Sequence[ReceivedConnectionEvent]) -> None:
    """Show on the connection whether its phone is linked; only the last word of each connection counts."""
    latest = {received.connection_id: received for received in events}
    existing = Connection.objects.filter(pk__in=latest).values_list("pk", flat=True).order_by("pk")
    for connection_id in existing:
        event = latest[connection_id].event
        record_health(
            actor=Actor.system("integrations.inbound"),
            connection_id=connection_id,
            health=advice_for_link(event.own_address, is_open=event.is_open, reason=event.reason),
        )


def receive_service_events(events: Sequence[ReceivedServiceEvent]) -> None:
    """Let a task answer a topic's question whether our address wants to listen to it."""
    for received in events:
        if received.event.kind.endswith(".subscription_confirmation"):
            enqueue_after_commit("integrations.confirm_subscription", received.inbound_event_id)


register_receiver(ConnectionEvent, "integrations", receive_connection_events)
register_receiver(ServiceEvent, "integrations", receive_service_events)


def receive_secret_events(events: Sequence[ReceivedSecretEvent]) -> None:
    """Keep the secrets that services give by webhook."""
    for received in events:
        keep_given_secret(
            actor=Actor.system("integrations.inbound"),
            connection_id=received.connection_id,
            name=received.event.name,
            secret=received.event.secret,
            inbound_event_id=received.inbound_event_id,
        )


register_receiver(SecretEvent, "integrations", receive_secret_events)
