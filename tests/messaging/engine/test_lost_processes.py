"""A message that kills every process that touches it: given up after three attempts, alone; everybody else is sent."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import F

from integrations.operations.connections import create_connection
from messaging.models import Contact, Recipient, Sender, SendJob, Wave
from messaging.operations.claiming import claim_chunk, release_rows, set_aside_rows
from messaging.operations.leases import retry_given_up, settle_expired_leases
from messaging.operations.waves import close_wave, dispatch_jobs
from messaging.rules.rendering import CompiledTemplate, Rendered
from messaging.runners import batches
from messaging.runners.batches import Batch, InHand, send_batch
from messaging.selectors.plans import JobPlan, job_plan
from messaging.selectors.totals import funnel
from messaging.states import ChannelKind, JobState, MessageKind, Reason, RecipientState, WaveState
from tests.messaging.engine.conftest import ACTOR, World, expire_leases, states

POISON = "Veneno"


class Killed(BaseException):
    """The process is gone: no `except Exception`, no commit, no note that a batch has ended."""


def round_of(job: SendJob) -> int:
    """The dispatcher opens a wave, its batches run, the sweep clears up as half a minute later. Returns how many processes were lost."""
    SendJob.objects.filter(pk=job.pk, state=JobState.RUNNING).update(next_wave_at=job.created_at)
    dispatch_jobs()
    lost = 0
    for wave in Wave.objects.filter(state=WaveState.OPEN):
        for number in range(wave.batches):
            try:
                send_batch(wave_id=wave.pk, number=number, count=wave.size)
            except Killed:
                lost += 1
        close_wave(wave_id=wave.pk)
    expire_leases()
    settle_expired_leases()
    job.refresh_from_db()
    return lost


def rounds_of(job: SendJob, most: int = 20) -> list[int]:
    """Rounds until the job is final; how many processes each has lost."""
    lost: list[int] = []
    while job.state != JobState.FINISHED:
        assert len(lost) < most, f"job not final after {most} rounds: {states(job)}, lost {lost}"
        lost.append(round_of(job))
    return lost


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Filling the template for one person ends the process, in the middle of the claim's transaction."""
    fill = CompiledTemplate.fill

    def deadly(self: CompiledTemplate, values: Mapping[str, Any]) -> Rendered:
        if values["contact"]["name"] == POISON:
            raise Killed
        return fill(self, values)

    monkeypatch.setattr(CompiledTemplate, "fill", deadly)


@pytest.mark.usefixtures("poisoned")
def test_a_row_that_kills_its_claim_is_a_dead_letter_and_the_others_are_sent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = world.people(90)
    Contact.objects.filter(pk=people[40].pk).update(name=POISON)
    job = world.job(people)
    lost = rounds_of(job)
    assert sum(lost) == 4  # unawares, then in the crowd, among a few, and alone
    row = Recipient.objects.get(job=job, contact=people[40])
    assert (row.state, row.reason, row.attempt, row.code) == (
        RecipientState.FAILED,
        Reason.ATTEMPTS_EXHAUSTED,
        3,
        "lease_expired",
    )
    assert states(job) == {"sent": 89, "failed": 1}
    assert funnel([job.pk]).by_reason(RecipientState.FAILED) == {Reason.ATTEMPTS_EXHAUSTED: 1}
    report = world.compare(job)
    assert (report.accepted, report.lost, report.duplicated, report.unknown) == (89, 0, 0, 0)

    Contact.objects.filter(pk=people[40].pk).update(name="Ana")
    assert retry_given_up(job_id=job.pk, actor=ACTOR) == 1
    job.refresh_from_db()
    assert rounds_of(job)[0] == 0
    assert states(job) == {"sent": 90}


def test_a_batch_that_comes_again_after_its_process_died_sets_its_rows_aside_first(
    world: World, poisoned: None
) -> None:
    """A process that is lost by chance costs care until the next whole wave, and nothing else."""
    people = world.people(10)
    Contact.objects.filter(pk=people[3].pk).update(name=POISON)
    job = world.job(people)
    dispatch_jobs()
    wave = Wave.objects.get(job=job)
    with pytest.raises(Killed):
        send_batch(wave_id=wave.pk, number=0, count=10)
    assert states(job) == {"pending": 10}  # nothing tells which row it was
    with pytest.raises(Killed):
        send_batch(wave_id=wave.pk, number=0, count=10)
    assert states(job) == {"leased": 10}
    assert Recipient.objects.filter(job=job, attempt=1, sender=None).count() == 10
    close_wave(wave_id=wave.pk)
    expire_leases()
    assert settle_expired_leases() == {"pending": 10}
    Contact.objects.filter(pk=people[3].pk).update(name="Ana")
    assert rounds_of(job)[0] == 0
    assert states(job) == {"sent": 10}
    assert list(Wave.objects.filter(job=job).order_by("number").values_list("careful", flat=True)) == [False, True]
    assert world.compare(job).duplicated == 0


def test_a_row_that_lost_its_process_stays_marked_when_it_is_put_back(world: World) -> None:
    """Else it would be claimed in the crowd again after a pause, and take its neighbours along once more."""
    job = world.job(world.people(3))
    Recipient.objects.filter(job=job).update(code="lease_expired", attempt=1)
    plan, grants, now = job_plan(job.pk), {world.senders[0].pk: 3}, datetime.now(UTC)
    aside = set_aside_rows(job_id=job.pk, limit=3, lost=True)
    SendJob.objects.filter(pk=job.pk).update(state=JobState.PAUSED)
    assert claim_chunk(plan=plan, grants=grants, now=now, aside=aside).rows == ()
    SendJob.objects.filter(pk=job.pk).update(state=JobState.RUNNING)
    aside = set_aside_rows(job_id=job.pk, limit=3, lost=True)
    rows = claim_chunk(plan=plan, grants=grants, now=now, aside=aside).rows
    assert len(rows) == 3
    release_rows(plan=plan, lease=aside.lease, waits={row.recipient_id: now for row in rows})
    marks = Recipient.objects.filter(job=job).values_list("state", "code", "attempt")
    assert list(marks) == [(RecipientState.PENDING, "lease_expired", 1)] * 3


def mailbox(world: World) -> Sender:
    """A mailbox at the sandbox's Resend, which drops repetitions of a key."""
    world.sandbox.control.open_account(
        "resend",
        name="Padaria",
        api_key="re_lost",
        signing_secret="whsec_dGVzdA==",
        domains=["padaria.example"],
        requests_per_second=1000,
    )
    account = create_connection(
        actor=ACTOR,
        service="resend",
        name="Resend",
        client=world.client,
        settings={"base_url": world.sandbox.base_url("resend")},
        secrets={"api_key": "re_lost", "webhook_secret": "whsec_dGVzdA=="},
    )
    return Sender.objects.create(
        client=world.client,
        connection=account,
        channel=ChannelKind.EMAIL,
        name="Caixa",
        address="caixa@padaria.example",
    )


def test_a_row_that_kills_its_call_is_unknown_and_the_others_are_sent_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a provider that drops repetitions of our key the whole chunk is tried again; the one that killed it may have been accepted."""
    people = Contact.objects.bulk_create(
        Contact(client=world.client, name="Ana", email=f"ana{number}@example.com") for number in range(40)
    )
    job = world.job(
        people,
        channel=ChannelKind.EMAIL,
        kind=MessageKind.SINGLE,
        sender_ids=[mailbox(world).pk],
        template_version=None,
        subject="Oi",
        text="Olá",
    )
    finish = Batch._finish

    def deadly(self: Batch, held: InHand) -> None:
        held.answers.result(10)
        if any(row.contact_id == people[7].pk for row in held.chunk.rows):
            raise Killed
        finish(self, held)

    monkeypatch.setattr(Batch, "_finish", deadly)
    assert sum(rounds_of(job)) == 3
    row = Recipient.objects.get(job=job, contact=people[7])
    assert (row.state, row.reason, row.attempt) == (RecipientState.UNKNOWN, Reason.LEASE_EXPIRED, 3)
    assert states(job) == {"sent": 39, "unknown": 1}
    report = world.compare(job)
    assert (report.accepted, report.lost, report.duplicated) == (40, 0, 0)


def test_a_job_whose_batches_end_their_process_before_they_take_a_row_is_given_up_and_can_be_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, other = world.job(world.people(20)), world.job(world.people(5))

    def deadly(job_id: int) -> JobPlan:
        if job_id == job.pk:
            raise Killed
        return job_plan(job_id)

    monkeypatch.setattr(batches, "job_plan", deadly)
    assert rounds_of(job) == [1, 1, 1, 1, 1, 0, 0]
    assert states(job) == {"failed": 20}
    assert funnel([job.pk]).by_reason(RecipientState.FAILED) == {Reason.ATTEMPTS_EXHAUSTED: 20}
    assert states(other) == {"sent": 5}

    monkeypatch.undo()
    assert retry_given_up(job_id=job.pk, actor=ACTOR) == 20
    job.refresh_from_db()
    assert sum(rounds_of(job)) == 0
    assert states(job) == {"sent": 20}
    assert world.compare(job, other).duplicated == 0


def test_a_job_that_is_sent_beside_a_process_that_dies_again_and_again_is_not_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One machine of several that loses its sender in each wave says nothing against the message: the others send it."""
    job = world.job(world.people(250))

    def deadly(job_id: int) -> JobPlan:
        raise Killed

    for _wave in range(8):
        SendJob.objects.filter(pk=job.pk).update(next_wave_at=job.created_at)
        dispatch_jobs()
        wave = Wave.objects.get(job=job, state=WaveState.OPEN)
        # The test's transaction began before the wave was opened, and what it writes bears that time.
        Wave.objects.filter(pk=wave.pk).update(opened_at=F("opened_at") - timedelta(hours=1))
        with monkeypatch.context() as broken, pytest.raises(Killed):
            broken.setattr(batches, "job_plan", deadly)
            send_batch(wave_id=wave.pk, number=0, count=10)
        assert send_batch(wave_id=wave.pk, number=1, count=10) == 10
        close_wave(wave_id=wave.pk)
    assert states(job) == {"sent": 80, "pending": 170}
