"""When PostgreSQL ends a connection under a batch: what was accepted is recorded, and nobody becomes unknown for it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from pytest_django import Settings

from agency.kit.outages import persistently
from messaging.models import Wave
from messaging.runners import batches
from tests.messaging.engine.conftest import World, states

pytestmark = pytest.mark.django_db(transaction=True)


def terminate(backend: int) -> None:
    """As an administrator, from a connection of another thread."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])
    connection.close()


class Cut:
    """Ends this thread's backend before the call of this number of a function of the batch, and lets all calls through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, number: int = 1) -> None:
        self.real, self.number, self.calls = getattr(batches, name), number, 0
        monkeypatch.setattr(batches, name, self)

    def __call__(self, **given: Any) -> Any:
        self.calls += 1
        if self.calls == self.number:
            connection.ensure_connection()
            with ThreadPoolExecutor(1) as pool:
                pool.submit(terminate, connection.connection.info.backend_pid).result()
        return self.real(**given)


@pytest.mark.parametrize("name", ["record_outcomes", "touch_wave", "end_batch"])
def test_a_batch_outlives_its_connection(world: World, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    job = world.job(world.people(5))
    cut = Cut(monkeypatch, name)
    assert world.send(job) == 5
    assert cut.calls == 2
    assert states(job) == {"sent": 5}
    assert Wave.objects.get(job=job).at_work == 0
    report = world.compare(job)
    assert (report.accepted, report.lost, report.duplicated, report.unknown) == (5, 0, 0, 0)


def test_a_claim_that_fails_leaves_what_is_in_hand_recorded(
    world: World, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.SEND_CONCURRENCY = 5
    job = world.job(world.people(15))
    Cut(monkeypatch, "claim_chunk", number=2)
    assert world.send(job) == 5
    assert states(job) == {"sent": 5, "pending": 10}


def test_a_connection_that_stays_lost_is_told() -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        raise OperationalError("the connection is closed")

    with pytest.raises(OperationalError):
        persistently(work)
    assert len(tries) == 3
    with transaction.atomic(), pytest.raises(OperationalError):
        persistently(work)
    assert len(tries) == 4  # the caller's transaction is lost; a part of it cannot be repeated
