"""Connections and stored deliveries that other database connections can see, removed again at the end of a test."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pytest_django import DjangoDbBlocker

from integrations.connections import seal_secrets
from integrations.models import Connection, InboundEvent
from tests.integrations.signing import SECRETS


@contextmanager
def committed_connections(*services: str) -> Iterator[dict[str, Connection]]:
    """One committed connection for each service, with all its secrets."""
    made = {
        service: Connection.objects.create(
            service=service, name=f"Door {service}", sealed_secrets=seal_secrets(SECRETS[service])
        )
        for service in services
    }
    ids = [connection.pk for connection in made.values()]
    try:
        yield made
    finally:
        InboundEvent.objects.filter(connection_id__in=ids).delete()
        Connection.objects.filter(pk__in=ids).delete()


@pytest.fixture
def connections(migrated_database: None, django_db_blocker: DjangoDbBlocker) -> Iterator[dict[str, Connection]]:
    """Committed connections of every service that sends webhooks."""
    with django_db_blocker.unblock(), committed_connections(*SECRETS) as made:
        yield made
