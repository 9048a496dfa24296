"""The limiter's counters: what they remember, and that each of them ends by itself."""

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from messaging.limits import limiter
from messaging.limits.limiter import JobLimits, SenderLimits
from messaging.models import Recipient
from messaging.operations.claiming import PORTFOLIO_FULL
from messaging.operations.jobs import change_job_limits
from messaging.operations.senders import SenderLimitsOrder, change_sender_limits
from messaging.runners.sweeping import rebuild_limiter
from messaging.states import RecipientState

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


@pytest.mark.parametrize(("per_day", "sent"), [(4, 4), (None, 6), (1, 2)])
def test_who_waits_for_room_in_a_portfolio_is_tried_again_when_it_has_more(
    world: World, per_day: int | None, sent: int
) -> None:
    for sender in world.senders:
        sender.portfolio, sender.portfolio_per_day = "padaria", 2
        sender.save()
    job = world.job(world.people(6))
    world.send(job)
    assert states(job) == {"pending": 4, "sent": 2}
    waiting = Recipient.objects.filter(job=job, state=RecipientState.PENDING)
    assert set(waiting.values_list("code", flat=True)) == {PORTFOLIO_FULL}
    assert world.send(job) == 0  # they wait for hours

    for sender in world.senders:
        change_sender_limits(
            sender_id=sender.pk, limits=SenderLimitsOrder(pair_seconds=0, portfolio_per_day=per_day), actor=ACTOR
        )
    world.send(job)
    found = states(job)
    assert found["sent"] == sent
    assert set(Recipient.objects.filter(job=job, state=RecipientState.SENT).values_list("code", flat=True)) == {None}
    assert found.get("pending", 0) == 6 - sent


def test_whoever_waits_for_something_else_is_left_alone(world: World) -> None:
    sender = world.senders[0]
    job = world.job(world.people(2), sender_ids=[sender.pk])
    later = datetime.now(UTC) + timedelta(hours=3)
    Recipient.objects.filter(job=job).update(not_before=later, code="131016")
    change_sender_limits(sender_id=sender.pk, limits=SenderLimitsOrder(portfolio_per_day=9), actor=ACTOR)
    assert set(Recipient.objects.filter(job=job).values_list("not_before", flat=True)) == {later}
