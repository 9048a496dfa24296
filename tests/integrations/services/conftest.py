"""What the suites of services share: quick retries, and a gate without memory of the test before."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from integrations.calling import calls, gate, ledger
from integrations.calling.policy import CallPolicy
from integrations.http import HttpClient
from integrations.registry import manifest_of
from integrations.smtp.client import SmtpClient

TIMEOUT = 1.2  # seconds a whole call may take where a test waits for a timeout


def quick_policy(service: str) -> CallPolicy:
    """The service's policy with hardly any waiting, no quota, and a breaker that stays closed."""
    policy = manifest_of(service).policy
    return replace(policy, timeout=TIMEOUT, first_wait=0.01, longest_wait=0.02, breaker_failures=10_000, quotas=())


@pytest.fixture(autouse=True)
def quick_calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Retries without waiting; nothing of another test's breaker, pause or ledger."""
    monkeypatch.setattr(calls, "policy_of", quick_policy)
    # Channels of messages make their own attempts, each with the client's timeout.
    for channel in (HttpClient, SmtpClient):
        defaults = channel.__init__.__kwdefaults__
        assert defaults is not None
        monkeypatch.setitem(defaults, "timeout", TIMEOUT)
    # A 429 in one case must not keep the next from being asked; tests/integrations/test_calling.py has the pause itself.
    monkeypatch.setattr(gate.Gate, "pause", lambda own, seconds: None)
    gate.forget_connections()
    for key in gate._client().scan_iter("calls:*"):
        gate._client().delete(key)
    yield
    ledger._entries.clear()
    gate.forget_connections()
