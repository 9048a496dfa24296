"""Asks services for what their webhooks may have lost, as their manifests declare it, and gives it to the same receivers.

From when on to ask is remembered in the cache: forgotten, the last day is asked for once more. Receivers are indifferent to hearing of
something twice, so spans overlap.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.core.cache import cache
from django.utils import timezone

from integrations.calling.calls import refuse_inside_transaction
from integrations.calling.ledger import calling_for
from integrations.connections import facts_of
from integrations.errors import IntegrationError
from integrations.events import ReceivedFact, ReceivedServiceEvent, ServiceEvent
from integrations.manifest import Poll
from integrations.models import Connection
from integrations.operations.inbound_events import NOT_STORED, apply_polled_facts
from integrations.registry import manifests, service_module

logger = logging.getLogger(__name__)

FIRST = timedelta(days=1)  # what a connection is asked for when nobody knows when it was asked last
OVERLAP = timedelta(minutes=10)  # providers list late what happened just now
KEPT = 7 * 86_400  # seconds


def poll_services(deliver: Callable[[Sequence[ReceivedFact]], None]) -> int:
    """Ask each connection in use for what is due. Returns how many events were found. One service's trouble harms no other."""
    refuse_inside_transaction()
    polls = {slug: manifest.polls for slug, manifest in manifests().items() if manifest.polls}
    used = Connection.objects.filter(enabled=True, service__in=polls).order_by("service", "pk")
    return sum(_poll(connection, poll, deliver) for connection in used for poll in polls[connection.service])


def _poll(connection: Connection, poll: Poll, deliver: Callable[[Sequence[ReceivedFact]], None]) -> int:
    key, now = f"polled:{connection.pk}:{poll.ask}", timezone.now()
    last: datetime | None = cache.get(key)
    if last is not None and now - last < timedelta(minutes=poll.minutes):
        return 0
    since = (last or now - FIRST) - OVERLAP
    try:
        with calling_for("polling"):
            client = service_module(connection.service, "client").build(facts_of(connection))
            ask = getattr(service_module(connection.service, "polling"), poll.ask)
            found: list[ServiceEvent] = list(ask(client, since, now))
    except IntegrationError as error:
        logger.warning("not polled", extra={"connection": connection.pk, "ask": poll.ask, "error": str(error)})
        return 0
    received = [ReceivedServiceEvent(NOT_STORED, now, connection.service, connection.pk, event) for event in found]
    if received:
        apply_polled_facts(facts=received, deliver=deliver)
    cache.set(key, now, KEPT)
    return len(received)
