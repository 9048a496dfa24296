"""Celery messages that come twice, never come, or kill whoever reads them."""

import json
import time
from datetime import timedelta
from typing import Any

from celery import current_app
from django.db import transaction

from automations.models import Slot
from automations.states import SlotState
from campaigns.outreach.demo.platform import SENDERS
from messaging.models import Contact, Recipient, Wave
from messaging.operations import waves
from messaging.states import Reason, RecipientState, WaveState
from tests.faults.ground import Ground
from tests.faults.poison import DEADLY_NAME, TASK
from tests.faults.rows.beats import sent
from tests.faults.rows.clock import forget_schedules, make_slots
from tests.faults.table import Broken, fault
from tests.faults.trial import Trial
from tests.faults.waiting import wait_for

DOUBLED = 300  # people of a job: two batches


@fault(
    "commit_before_publish",
    injects="the process is lost between its commit and the publishing: of a job's start, and of an opened wave",
    holds="the tick starts the job; the sweep closes the wave nobody works on and the job goes on",
    seconds=30,
)
def commit_before_publish(ground: Ground) -> float:
    """This process plays the lost one."""
    quiet = ground.trial(200, start=False)
    began = time.monotonic()
    quiet.start(announce=False)
    wait_for("a job without its nudge starts", 20, lambda: quiet.accepted() > 0)
    started = time.monotonic() - began

    trial = ground.trial(1_000, start=False)
    ground.end("worker")
    trial.start()
    with transaction.atomic():
        opened = waves._open_waves()
    if not any(Wave.objects.filter(pk=wave.wave_id, job_id=trial.job_id).exists() for wave in opened):
        raise Broken("no wave was opened")
    ground.start_worker()
    began = time.monotonic()
    wait_for("the sweep repairs it", 60, ground.alive(lambda: trial.accepted() > 0))
    took = time.monotonic() - began
    ground.settle(quiet)
    ground.settle(trial)
    return max(started, took)


def queued_batches(ground: Ground, trial: Trial) -> list[str]:
    """The raw messages of the trial's wave in the queue of the senders, who are all ended."""
    wait_for("a wave is published", 30, lambda: _open_wave(trial) is not None)
    wave = _open_wave(trial)
    assert wave is not None
    with ground.redis() as client:
        wait_for("its batches are queued", 30, lambda: len(_of_wave(client, "send", wave.pk)) == wave.batches)
        return _of_wave(client, "send", wave.pk)


def _of_wave(client: Any, queue: str, wave_id: int) -> list[str]:
    """The raw messages of a wave in a queue: its batches, or the body of its chord."""
    found = [(raw, json.loads(raw)["headers"]) for raw in client.lrange(queue, 0, -1)]
    tasks = ("messaging.send_batch", "messaging.close_wave")
    # A tuple where it was published first, a list where a chord's body came out of the backend.
    return [
        raw
        for raw, headers in found
        if headers["task"] in tasks and headers["argsrepr"].strip("()[]").split(",")[0] == str(wave_id)
    ]


def _open_wave(trial: Trial) -> Wave | None:
    return Wave.objects.filter(job_id=trial.job_id, state=WaveState.OPEN).first()


@fault(
    "duplicate_tasks",
    injects="every batch of a wave delivered twice; a part of the chord lost; the chord's body lost, and delivered twice",
    holds="effects once; each wave closed exactly once, with or without its body",
    seconds=30,
)
def duplicate_tasks(ground: Ground) -> float:
    """Three jobs whose waves lie in the queues; messages are doubled and taken away there while nobody reads them."""
    ground.end_senders()
    twice, part, body = (ground.trial(DOUBLED, per_second=None, start=False) for _ in range(3))
    batches = []
    for trial in (twice, part, body):
        trial.start()
        batches.append(queued_batches(ground, trial))
    doubled, lost = _open_wave(twice), _open_wave(body)
    assert doubled is not None and lost is not None
    ground.end("worker")
    with ground.redis() as client:
        client.lpush("send", *batches[0])
        client.lrem("send", 1, batches[1][0])
        ground.start_senders()
        wait_for("both were sent", 90, lambda: twice.accepted() == body.accepted() == DOUBLED)
        for wave in (doubled, lost):
            wait_for("the body is queued", 30, lambda wave=wave: bool(_of_wave(client, "critical", wave.pk)))  # type: ignore[misc]
        client.lpush("critical", *_of_wave(client, "critical", doubled.pk))
        for raw in _of_wave(client, "critical", lost.pk):
            client.lrem("critical", 1, raw)
    for _ in range(2):
        current_app.send_task("messaging.dispatch_jobs")
        current_app.send_task("messaging.sweep_jobs")
    ground.start_worker()
    took = max(_closed_after(ground, part), _closed_after(ground, body))
    for trial in (twice, part, body):
        ground.settle(trial)
    return took


def _closed_after(ground: Ground, trial: Trial) -> float:
    """Wait until the first wave is closed; the seconds from the last batch's last sign to the closing."""
    closed = Wave.objects.filter(job_id=trial.job_id, number=1, state=WaveState.CLOSED)
    wait_for("the wave is closed", 70, ground.alive(closed.exists))
    wave = closed.get()
    assert wave.closed_at is not None
    return float((wave.closed_at - wave.touched_at).total_seconds())


@fault(
    "poison",
    injects="a scheduled task that kills its process with -9 each time it runs, and a message that does so each time it is filled in; Redis "
    "emptied while the messages of twenty other slots wait in it",
    holds="both quarantined as failed after three attempts, the message as a dead letter with its reason; everybody else is sent, every other "
    "slot runs once",
    seconds=180,
)
def poison(ground: Ground) -> float:
    """Both at once, beside a campaign and harmless slots; then they are dead letters that a person may retry.

    The message's first loss leaves no trace, for the claim's transaction goes with its process; then rows are set aside before they are touched.
    """
    ground.end("worker")
    ground.end_senders()
    forgotten = make_slots(20, timedelta(milliseconds=100))
    wait_for("the slots' messages wait", 60, lambda: len(sent(forgotten)) == 20)
    with ground.redis() as client:
        client.flushdb()
    ground.start_worker("--include", "tests.faults.poison")
    ground.start_senders("--include", "tests.faults.deadly_name")
    mark = make_slots(1, timedelta(seconds=1), task=TASK)
    harmless = make_slots(20, timedelta(seconds=3))
    trial = ground.trial(2_000, per_second=60, start=False)
    person = Contact.objects.filter(client=trial.client).order_by("pk")[500]
    Contact.objects.filter(pk=person.pk).update(name=DEADLY_NAME)
    trial.start()
    slot = Slot.objects.filter(key__startswith=mark)
    row = Recipient.objects.filter(job_id=trial.job_id, contact_id=person.pk)
    wait_for("the poison is claimed", 90, ground.alive(lambda: slot.filter(attempt__gte=1).exists()))
    began = time.monotonic()
    slot_failed = slot.filter(state=SlotState.FAILED)
    row_failed = row.filter(state=RecipientState.FAILED)
    wait_for("the slot is quarantined", 360, ground.alive(slot_failed.exists))
    wait_for("the message is quarantined", 360, ground.alive(row_failed.exists))
    took = time.monotonic() - began
    # Unawares, each sender may lose a process with one chunk in flight; after that nothing is in flight beside what is tried.
    ground.settle(trial, processes=len(SENDERS))
    for others in (harmless, forgotten):
        done = Slot.objects.filter(key__startswith=others, state=SlotState.DONE, attempt=1)
        wait_for("the other slots ran, once", 120, ground.alive(lambda done=done: done.count() == 20))  # type: ignore[misc]
    forget_schedules(mark, harmless, forgotten)
    ground.end("worker")
    ground.end_senders()
    ground.start_worker()
    ground.start_senders()
    attempts = slot.values_list("attempt", flat=True).get()
    if attempts != 3:
        raise Broken(f"the slot was tried {attempts} times, three were promised")
    found = row.values_list("attempt", "reason", "code").get()
    if found != (3, Reason.ATTEMPTS_EXHAUSTED, "lease_expired"):
        raise Broken(f"attempts, reason and code of the message are {found}")
    given_up = Recipient.objects.filter(job_id=trial.job_id, reason=Reason.ATTEMPTS_EXHAUSTED).count()
    if given_up != 1:
        raise Broken(f"{given_up} messages were given up; only one kills its process")
    return took
