"""Leases are kept by their holder while a provider is slow, and by nobody else; jobs that nobody would look at again are woken."""

from datetime import datetime

import pytest
from django.db import connection
from django.db.models import F

from messaging.models import Recipient, SendJob, Wave
from messaging.operations.claiming import LEASE_SECONDS, claim_chunk, renew_leases
from messaging.operations.jobs import pause_job
from messaging.operations.waves import wake_jobs
from messaging.runners import batches
from messaging.runners.loop import CallLoop
from messaging.selectors.plans import job_plan
from messaging.states import RecipientState
from tests.messaging.engine.conftest import ACTOR, World, states


def leave(seconds: float, job: SendJob) -> None:
    """As if the job's leases had so many seconds left."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_recipient SET leased_until = now() + make_interval(secs => %s) WHERE job_id = %s AND state = 1",
            [seconds, job.pk],
        )


def seconds_left(job: SendJob) -> list[int]:
    """What is left of the job's leases, whole seconds, by row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT round(extract(epoch FROM leased_until - now())) FROM messaging_recipient WHERE job_id = %s AND state = 1 ORDER BY id",
            [job.pk],
        )
        return [int(left) for (left,) in cursor.fetchall()]


def test_a_lease_is_renewed_for_its_own_rows_and_only_while_it_lasts(world: World) -> None:
    mine, other, late = (world.job(world.people(3)) for _ in range(3))
    now = datetime.now().astimezone()
    held = [claim_chunk(plan=job_plan(job.pk), grants={world.senders[0].pk: 3}, now=now) for job in (mine, other, late)]
    leave(5, mine)
    leave(5, other)
    leave(-1, late)  # the sweep may be about to decide about these
    assert renew_leases(leases=[held[0].lease, held[2].lease]) == 3
    assert (seconds_left(mine), seconds_left(other), seconds_left(late)) == ([LEASE_SECONDS] * 3, [5] * 3, [-1] * 3)


class Slow:
    """Answers that are waited for once more than patience has."""

    def __init__(self, answers: object, job: SendJob, seen: list[list[int]]) -> None:
        self.answers, self.job, self.seen, self.waited = answers, job, seen, False

    def done(self) -> bool:
        return False

    def result(self, timeout: float | None = None) -> object:
        if not self.waited:
            self.waited = True
            leave(5, self.job)
            Wave.objects.filter(job=self.job).update(touched_at=F("opened_at"))
            raise TimeoutError
        self.seen.append(seconds_left(self.job))
        return self.answers.result(10)  # type: ignore[attr-defined]


def test_a_batch_that_waits_keeps_its_rows_and_its_wave(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = world.job(world.people(4))
    seen: list[list[int]] = []
    submit = CallLoop.submit
    monkeypatch.setattr(batches, "RENEW_SECONDS", 0.0)
    monkeypatch.setattr(CallLoop, "submit", lambda self, work: Slow(submit(self, work), job, seen))
    assert world.send(job) == 4
    assert seen == [[LEASE_SECONDS] * 4]
    assert states(job) == {"sent": 4}
    wave = Wave.objects.get(job=job)
    assert wave.touched_at > wave.opened_at


def test_a_running_job_that_nobody_would_look_at_is_woken_and_no_other(world: World) -> None:
    lost, at_work, waiting, paused = (world.job(world.people(1)) for _ in range(4))
    pause_job(job_id=paused.pk, actor=ACTOR)
    SendJob.objects.filter(pk__in=[lost.pk, at_work.pk]).update(next_wave_at=None)
    Wave.objects.create(job=at_work, number=1, size=1, batches=1)
    before = SendJob.objects.get(pk=waiting.pk).next_wave_at
    assert wake_jobs() == 1
    found = dict(SendJob.objects.values_list("pk", "next_wave_at"))
    assert found[lost.pk] is not None
    assert (found[at_work.pk], found[waiting.pk], found[paused.pk]) == (None, before, None)
    assert not Recipient.objects.exclude(state=RecipientState.PENDING).exists()
