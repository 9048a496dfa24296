"""The dispatcher's rounds: whom it looks at when more wait than it can look at, and waves whose processes are lost."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection

from agency.models import Client
from messaging.models import SendJob, Wave
from messaging.operations.waves import dispatch_jobs
from messaging.selectors import turns
from messaging.selectors.turns import jobs_of_round
from messaging.states import ChannelKind, JobState, MessageKind, WaveState

from .conftest import World

ROUND, FLOOR = 20, 4


@pytest.fixture(autouse=True)
def _small_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "ROUND", ROUND)
    monkeypatch.setattr(turns, "FLOOR", FLOOR)


def waiting(client: Client, number: int, *, priority: int, since: timedelta) -> list[SendJob]:
    """Running jobs without people or senders, due since then."""
    begun = datetime.now(UTC) - since
    return SendJob.objects.bulk_create(
        SendJob(
            client=client,
            key=uuid4(),
            kind=MessageKind.CAMPAIGN,
            channel=ChannelKind.WHATSAPP,
            priority=priority,
            state=JobState.RUNNING,
            audience_complete=True,
            next_wave_at=begun + timedelta(milliseconds=n),
        )
        for n in range(number)
    )


def test_an_urgent_job_is_looked_at_however_many_wait_since_before(world: World) -> None:
    waiting(world.client, ROUND + 10, priority=3, since=timedelta(hours=1))
    urgent = world.job(world.people(5), priority=9)
    dispatch_jobs()
    assert Wave.objects.get(job=urgent).size == 5


def test_a_small_client_has_its_turn_beside_a_client_with_hundreds_of_jobs(world: World) -> None:
    waiting(world.client, ROUND + 10, priority=3, since=timedelta(hours=1))
    small = Client.objects.create(name="Pequena", slug="pequena")
    (theirs,) = waiting(small, 1, priority=3, since=timedelta(0))
    found = jobs_of_round()
    assert theirs.pk in found
    assert ROUND - FLOOR <= len(found) <= ROUND


def test_what_waits_behind_urgent_jobs_without_end_is_looked_at_too(world: World) -> None:
    waiting(world.client, ROUND + 10, priority=9, since=timedelta(hours=1))
    low = waiting(world.client, 2, priority=1, since=timedelta(0))
    later = waiting(world.client, 1, priority=10, since=-timedelta(hours=1))
    found = set(jobs_of_round())
    assert {job.pk for job in low} <= found
    assert found.isdisjoint(job.pk for job in later)
    assert len(found) == ROUND - FLOOR + len(low)


@pytest.mark.parametrize(
    ("begun", "quiet", "state"),
    [
        (True, 5, WaveState.OPEN),
        (True, 7, WaveState.CLOSED),
        (False, 7, WaveState.OPEN),  # its batches may still be queued
        (False, 13, WaveState.CLOSED),
    ],
)
def test_the_dispatcher_closes_a_wave_whose_process_is_lost_and_opens_the_next(
    world: World, begun: bool, quiet: int, state: WaveState
) -> None:
    job = world.job(world.people(4))
    dispatch_jobs()
    wave = Wave.objects.get(job=job)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_wave SET opened_at = statement_timestamp() - make_interval(secs => %s),"
            " touched_at = statement_timestamp() - make_interval(secs => %s)",
            [quiet + begun, quiet],
        )
    assert dispatch_jobs() == (state is WaveState.CLOSED)
    wave.refresh_from_db()
    assert wave.state == state
