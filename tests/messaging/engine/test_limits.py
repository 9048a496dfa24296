"""The limiter's counters: what they remember, and that each of them ends by itself."""

from typing import cast

from messaging.limits import limiter
from messaging.limits.limiter import JobLimits, SenderLimits
from messaging.operations.jobs import change_job_limits
from messaging.runners.sweeping import rebuild_limiter

from .conftest import ACTOR, World, states

EVERY = SenderLimits(sender_id=7, per_second=50, per_minute=500, per_hour=1_000, per_day=2_000)
JOB = JobLimits(job_id=3, per_hour=1_000, per_day=2_000)


def keys() -> dict[str, int]:
    """Every counter with the milliseconds it still lives; -1: for ever."""
    client = limiter._client()
    return {key: cast(int, client.pttl(key)) for key in client.scan_iter() if key != limiter.READY}


def test_what_is_given_back_can_be_had_again_and_leaves_no_counter_without_an_end(db: None) -> None:
    granted = limiter.take(job=JOB, senders=[EVERY], want=5).total
    used = limiter.standing([(EVERY, "")])[7]
    limiter.give_back(job=JOB, senders={7: EVERY}, unused={7: granted - 1})
    left = limiter.standing([(EVERY, "")])[7]
    assert (used.hour_used, left.hour_used, left.day_used) == (granted, 1, 1)
    assert all(lives > 0 for lives in keys().values()), keys()

    limiter._client().delete(*keys())  # as when they have expired before the rows come back
    limiter.give_back(job=JOB, senders={7: EVERY}, unused={7: 4})
    assert keys() == {}


def test_a_jobs_new_limit_counts_what_it_has_sent_before(world: World) -> None:
    job = world.job(world.people(12))
    world.send(job, count=5)
    senders = [sender.pk for sender in world.senders]
    change_job_limits(job_id=job.pk, rate_per_hour=None, max_per_day=7, priority=3, sender_ids=senders, actor=ACTOR)
    world.send(job)
    assert states(job) == {"pending": 5, "sent": 7}

    limiter._client().flushdb()
    assert rebuild_limiter() is True
    world.send(job)
    assert states(job) == {"pending": 5, "sent": 7}


def test_a_jobs_new_rate_per_hour_counts_the_hour_before(world: World) -> None:
    job = world.job(world.people(12))
    world.send(job, count=5)
    senders = [sender.pk for sender in world.senders]
    change_job_limits(job_id=job.pk, rate_per_hour=5, max_per_day=None, priority=3, sender_ids=senders, actor=ACTOR)
    world.send(job)
    assert states(job) == {"pending": 7, "sent": 5}
