"""Fixtures for the tests of external services."""

from collections.abc import Iterator

import pytest

from integrations.calling import ledger
from tests.integrations.sandbox.receiver import Receiver, webhook_receiver


@pytest.fixture(autouse=True)
def no_calls_left() -> Iterator[None]:
    """What a test called and did not write to the ledger is forgotten, so that none of it waits for a database at the end."""
    yield
    ledger._entries.clear()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An address that takes webhooks."""
    with webhook_receiver() as running:
        yield running
