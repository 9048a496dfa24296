"""Fixtures for the tests of external services."""

from collections.abc import Iterator

import pytest

from tests.integrations.sandbox.receiver import Receiver, webhook_receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An address that takes webhooks."""
    with webhook_receiver() as running:
        yield running
