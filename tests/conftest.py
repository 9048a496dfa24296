"""Fixtures for every test: the sandbox of all services, as a process of its own."""

from collections.abc import Iterator

import pytest

from integrations.sandbox.runner import RunningSandbox, running_sandbox


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[RunningSandbox]:
    """One sandbox for the session, at a thousandfold speed; use `sandbox`, which cleans it."""
    with running_sandbox(time_scale=1000.0) as running:
        yield running


@pytest.fixture
def sandbox(shared_sandbox: RunningSandbox) -> Iterator[RunningSandbox]:
    """A sandbox without messages, faults and outcomes; the accounts of other tests stay."""
    shared_sandbox.control.reset()
    yield shared_sandbox
    shared_sandbox.control.reset()
