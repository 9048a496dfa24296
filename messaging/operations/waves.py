"""Waves: bounded sets of batches. Opened by the dispatcher, closed exactly once by their chord's body or by the sweep."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from celery import chord, current_app
from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from agency.selectors.freeze import FROZEN
from messaging.kit import fleet
from messaging.limits import limiter
from messaging.models import SendJob, Wave
from messaging.operations.leases import give_up_job
from messaging.rules.fairness import Waiting, forgotten, next_job
from messaging.selectors.limits import active_senders, allowances, job_limits
from messaging.selectors.turns import jobs_of_round
from messaging.states import JobState, WaveState

BATCH_SIZE = 1_000
MAX_BATCHES = 64  # each has a bit in its wave's `at_work`
DISPATCH_LOCK = 0x62617475  # advisory lock: one dispatcher at a time, whoever called it
STALE_SECONDS = 6  # a wave begun and then untouched for so long has lost its batches or its body; a batch at work touches it every 2
UNBEGUN_SECONDS = 12  # one that no batch has taken up yet may still be queued behind others
FRUITLESS_WAVES = 5  # a job whose last waves, so many, have each lost a batch and taken no row is given up
SPENT_SECONDS = 1  # how soon a job is looked at again whose senders are busy with other jobs
IDLE_SECONDS = 30  # how soon a job without an active sender is looked at again


@dataclass(frozen=True, slots=True)
class OpenedWave:
    """A wave to publish: `sizes` are the batches' numbers of recipients."""

    wave_id: int
    sizes: tuple[int, ...]


def dispatch_jobs() -> int:
    """One round of the dispatcher: close waves that have lost their processes, and open waves for waiting jobs, fairly, as long as the fleet
    has room. Returns the waves opened.

    One at a time across the fleet; a second caller leaves at once. While all sending is frozen nothing is opened, and jobs stay due.
    Waves are published after the commit.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_try_advisory_xact_lock(%s), {FROZEN}", [DISPATCH_LOCK])
            alone, frozen = cursor.fetchone()
        if alone:
            for wave_id in stale_waves():
                close_wave(wave_id=wave_id)
        opened = _open_waves() if alone and not frozen else []
    for wave in opened:
        publish_wave(wave)
    return len(opened)


def _open_waves() -> list[OpenedWave]:
    jobs = {
        job.pk: job
        for job in SendJob.objects.filter(pk__in=jobs_of_round(), state=JobState.RUNNING, next_wave_at__lte=Now())
        .select_for_update(skip_locked=True)
        .order_by("next_wave_at", "pk")
    }
    if not jobs:
        return []
    fleet_rate = fleet.rate()
    room = max(BATCH_SIZE, int(2 * fleet_rate)) - _in_flight()
    waiting = [Waiting(job.pk, job.client_id, job.priority) for job in jobs.values()]
    served = forgotten(fleet.served(), {job.client_id for job in waiting})
    turn = fleet.turn()
    opened: list[OpenedWave] = []
    promised = _promised()
    spent: set[tuple[int, ...]] = set()
    put_off: list[int] = []
    while waiting and room > 0:
        chosen = next_job(waiting, served, turn)
        waiting.remove(chosen)
        if tuple(jobs[chosen.job_id].sender_ids) in spent:
            put_off.append(chosen.job_id)
            continue
        try:
            wave = _open_wave(jobs[chosen.job_id], room, fleet_rate, promised, spent)
        except limiter.LimiterUnavailable:
            break  # nothing can be granted now; the next tick asks again
        if wave is not None:
            opened.append(wave)
            size = sum(wave.sizes)
            room -= size
            served[chosen.client_id] = served.get(chosen.client_id, 0) + size
            turn += 1
    if put_off:
        SendJob.objects.filter(pk__in=put_off).update(next_wave_at=Now() + timedelta(seconds=SPENT_SECONDS))
    fleet.remember(served, turn)
    return opened


def _promised() -> dict[int, float]:
    """Rows in open waves by sender, each wave shared evenly between its job's senders."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT sender_id, sum(w.size::float / cardinality(j.sender_ids)) FROM messaging_wave w JOIN messaging_sendjob j ON j.id = w.job_id,
                 unnest(j.sender_ids) AS sender_id
            WHERE w.state = 1 GROUP BY sender_id
            """
        )
        return {sender_id: float(number) for sender_id, number in cursor.fetchall()}


def _in_flight() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT COALESCE(sum(size), 0) FROM messaging_wave WHERE state = 1")
        (number,) = cursor.fetchone()
    return int(number)


def _open_wave(
    job: SendJob, room: int, fleet_rate: float, promised: dict[int, float], spent: set[tuple[int, ...]]
) -> OpenedWave | None:
    """Open one wave of a job, or write when to look again, or finish the job.

    `promised` is what open waves already want of each sender: jobs that share a slow number share what it can send, so that together they
    hold neither the fleet's room nor its processes. Senders found to have nothing left are noted in `spent`.
    """
    senders = list(active_senders(job))
    if not senders:
        _look_again(job, IDLE_SECONDS)
        return None
    most = min(room, max(BATCH_SIZE, int(2 * fleet_rate)), MAX_BATCHES * BATCH_SIZE)
    limits = allowances(senders, datetime.now(UTC).date())
    allowed = limiter.look_ahead(job=job_limits(job), senders=list(limits.values()), want=most)
    if allowed.total == 0:
        _look_again(job, min(max(allowed.wait, 0.2), 60))
        return None
    free = {
        sender_id: max(0, number - math.ceil(promised.get(sender_id, 0.0))) if limits[sender_id].bounded else number
        for sender_id, number in allowed.senders.items()
    }
    most = sum(free.values())
    if most == 0:
        spent.add(tuple(job.sender_ids))
        _look_again(job, SPENT_SECONDS)
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT 1 FROM messaging_recipient WHERE job_id = %s AND state = 0 AND not_before <= now() LIMIT %s) AS due",
            [job.pk, most],
        )
        (due,) = cursor.fetchone()
    if due == 0:
        _settle_idle(job)
        return None
    processes = fleet.processes()
    batches = min(MAX_BATCHES, max(math.ceil(due / BATCH_SIZE), min(processes, math.ceil(due / 100))))
    sizes = tuple(due // batches + (1 if n < due % batches else 0) for n in range(batches))
    before = list(Wave.objects.filter(job=job).order_by("-number").only("at_work", "opened_at")[:FRUITLESS_WAVES])
    fruitless = len(before) == FRUITLESS_WAVES and all(earlier.at_work for earlier in before)
    if fruitless and give_up_job(job_id=job.pk, since=before[-1].opened_at):
        _look_again(job, 0.0)
        return None
    wave = Wave.objects.create(
        job=job,
        number=job.waves_opened + 1,
        size=due,
        batches=batches,
        careful=bool(before and before[0].at_work),  # a batch of the wave before was lost with its process
    )
    SendJob.objects.filter(pk=job.pk).update(waves_opened=F("waves_opened") + 1, next_wave_at=None)
    for sender_id in job.sender_ids:
        promised[sender_id] = promised.get(sender_id, 0.0) + due / len(job.sender_ids)
    return OpenedWave(wave.pk, sizes)


def _look_again(job: SendJob, seconds: float) -> None:
    SendJob.objects.filter(pk=job.pk).update(next_wave_at=Now() + timedelta(seconds=seconds))


def _settle_idle(job: SendJob) -> None:
    """Nothing is due: finish the job when no row is open, else look again when the next one is due."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_sendjob SET
                next_wave_at = CASE WHEN o.pending IS NOT NULL OR o.leased OR NOT audience_complete
                    THEN LEAST(COALESCE(o.pending, 'infinity'), now() + interval '5 seconds') END,
                state = CASE WHEN o.pending IS NULL AND NOT o.leased AND audience_complete THEN 3 ELSE state END,
                finished_at = CASE WHEN o.pending IS NULL AND NOT o.leased AND audience_complete THEN now() END
            FROM (SELECT
                    (SELECT min(not_before) FROM messaging_recipient WHERE job_id = %(job)s AND state = 0) AS pending,
                    EXISTS (SELECT 1 FROM messaging_recipient WHERE job_id = %(job)s AND state = 1) AS leased
                 ) AS o
            WHERE id = %(job)s AND state = 1
            """,
            {"job": job.pk},
        )


def publish_wave(wave: OpenedWave) -> None:
    """Publish the wave's chord. A failure costs time only: the sweep closes a wave that nobody touches."""
    header = [
        current_app.signature(
            "messaging.send_batch", args=(wave.wave_id, number, size), options={"ignore_result": False}
        )
        for number, size in enumerate(wave.sizes)
    ]
    body = current_app.signature("messaging.close_wave", args=(wave.wave_id,), immutable=True)
    fleet.publish(lambda: chord(header, app=current_app)(body))


@transaction.atomic
def close_wave(*, wave_id: int) -> bool:
    """Close a wave by compare-and-set and make its job due again. Returns False when somebody else closed it."""
    closed = Wave.objects.filter(pk=wave_id, state=WaveState.OPEN).update(state=WaveState.CLOSED, closed_at=Now())
    if not closed:
        return False
    SendJob.objects.filter(waves=wave_id, state=JobState.RUNNING).update(next_wave_at=Now())
    return True


@dataclass(frozen=True, slots=True)
class BatchStart:
    """How a batch must claim. `careful`: its process, or one of the wave before, was lost; `suspects`: its job has rows that lost theirs."""

    careful: bool
    suspects: bool


@transaction.atomic
def begin_batch(*, wave_id: int, number: int) -> BatchStart | None:
    """Note that a batch is at work. None when its wave is closed: there is nothing to do.

    One that comes again is no sign of life, so that a wave whose batch ends its process each time does grow stale.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_wave w SET at_work = w.at_work | (1::bigint << %(number)s),
                touched_at = CASE WHEN w.at_work & (1::bigint << %(number)s) = 0 THEN now() ELSE w.touched_at END
            WHERE w.id = %(wave)s AND w.state = 1
            RETURNING w.careful OR (old.at_work & (1::bigint << %(number)s)) <> 0,
                EXISTS (SELECT FROM messaging_recipient r WHERE r.job_id = w.job_id AND r.state = 0 AND r.code = 'lease_expired')
            """,
            {"wave": wave_id, "number": number},
        )
        found = cursor.fetchone()
    return BatchStart(*found) if found else None


@transaction.atomic
def end_batch(*, wave_id: int, number: int) -> None:
    """Note that a batch has ended with its process alive."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_wave SET at_work = at_work & ~(1::bigint << %s) WHERE id = %s", [number, wave_id]
        )


def touch_wave(*, wave_id: int) -> bool:
    """A batch of this wave is at work. Returns False when the wave is closed: the batch has nothing more to do."""
    return bool(Wave.objects.filter(pk=wave_id, state=WaveState.OPEN).update(touched_at=Now()))


def stale_waves() -> list[int]:
    """Open waves that nobody works on: begun and untouched for `STALE_SECONDS`, or not begun for `UNBEGUN_SECONDS`.

    Closing one too early costs time only: what its process has in hand keeps its lease, a batch that comes late finds it closed and claims
    nothing, and the next wave takes pending rows only.
    """
    quiet = Q(touched_at__lt=Now() - timedelta(seconds=STALE_SECONDS))
    begun = Q(touched_at__gt=F("opened_at")) | Q(touched_at__lt=Now() - timedelta(seconds=UNBEGUN_SECONDS))
    return list(Wave.objects.filter(quiet, begun, state=WaveState.OPEN).order_by("pk").values_list("pk", flat=True))


@transaction.atomic
def wake_jobs() -> int:
    """Running jobs that have neither an open wave nor a next look (a crash in between): look at them now. Returns how many."""
    return (
        SendJob.objects.filter(state=JobState.RUNNING, next_wave_at__isnull=True)
        .exclude(waves__state=WaveState.OPEN)
        .update(next_wave_at=Now())
    )
