"""What people do in the middle of sending: pause, cancel, opt out, change limits; and a small client beside a large one."""

import time
from collections.abc import Sequence

from django.db import connection

from messaging.models import Contact, Recipient, SendJob
from messaging.operations.addresses import suppress_addresses
from messaging.operations.jobs import cancel_job, pause_job, resume_job
from messaging.states import ChannelKind, JobState, Reason, RecipientState
from tests.faults.ground import Ground
from tests.faults.rows.processes import under_way
from tests.faults.table import Broken, fault
from tests.faults.trial import ACTOR, Trial
from tests.faults.waiting import wait_for

MILLION = 1_000_000
STEPS = 5  # each person of the large job is a recipient of so many steps: the same rows, and fewer contacts to make
OBSERVED_SECONDS = 8.0  # how long after an acknowledgement the provider's log is watched


def last_after(trials: Sequence[Trial], acknowledged: float) -> float:
    """Watch the log for a while after an acknowledgement (seconds since the epoch); how long after it the last message was accepted."""
    wait_for("the log was watched", 20, lambda: time.time() > acknowledged + OBSERVED_SECONDS)
    return max((each.at - acknowledged for trial in trials for each in trial.acceptances()), default=0.0)


@fault(
    "pause_cancel_optout",
    injects="pause, opt-out, a changed limit and cancel in the middle of a campaign, at real and at raised limits",
    holds="no acceptance later than 5 s after the acknowledgement",
    seconds=5,
)
def pause_cancel_optout(ground: Ground) -> float:
    """Two campaigns at once: three numbers at 80 messages a second each, as Meta grants them, and three without a limit of ours."""
    trials = [ground.trial(6_000, per_second=80, start=False), ground.trial(30_000, per_second=None, start=False)]
    for trial in trials:  # both are prepared before either sends: making people takes as long as sending to them
        trial.start()
    for trial in trials:
        under_way(ground, trial, 400)
    for trial in trials:
        pause_job(job_id=trial.job_id, actor=ACTOR)
    took = last_after(trials, time.time())

    gone = [_opt_out(trial, 200) for trial in trials]
    sent = [trial.accepted() for trial in trials]
    for trial in trials:
        resume_job(job_id=trial.job_id, actor=ACTOR)
    for trial, before in zip(trials, sent, strict=True):
        wait_for("it goes on", 30, ground.alive(lambda trial=trial, before=before: trial.accepted() > before + 100))  # type: ignore[misc]

    for trial in trials:
        for sender in trial.senders:
            sender.per_second = 10
            sender.save(update_fields=["per_second"])
    changed = time.time()
    wait_for("the new limit was watched", 30, lambda: time.time() > changed + 5 + OBSERVED_SECONDS)
    for trial in trials:
        fast = sum(changed + 5 < each.at <= changed + 5 + OBSERVED_SECONDS for each in trial.acceptances())
        # A second's allowance may be saved up once; more than that is too much.
        if fast > (OBSERVED_SECONDS + 1) * 10 * len(trial.senders):
            raise Broken(
                f"{fast} accepted in {OBSERVED_SECONDS:g} s under a limit of {10 * len(trial.senders)} a second"
            )

    for trial in trials:
        cancel_job(job_id=trial.job_id, actor=ACTOR)
    took = max(took, last_after(trials, time.time()))
    for trial, people in zip(trials, gone, strict=True):
        ground.settle(trial)
        rows = Recipient.objects.filter(job_id=trial.job_id, contact_id__in=people)
        wrong = rows.exclude(state=RecipientState.SKIPPED).count()
        told = rows.filter(reason=Reason.OPTED_OUT).count()
        if wrong:
            raise Broken(
                f"{wrong} of {len(people)} people were written to after they had opted out ({told} skipped for it)"
            )
    return took


def _opt_out(trial: Trial, number: int) -> list[int]:
    """So many people whose turn has not come opt out; returns their contacts."""
    waiting = Recipient.objects.filter(job_id=trial.job_id, state=RecipientState.PENDING).order_by("not_before", "pk")
    people = list(waiting.values_list("contact_id", flat=True)[:number])
    phones = Contact.objects.filter(pk__in=people).values_list("phone", flat=True)
    suppress_addresses(
        client_id=trial.client.pk,
        channel=ChannelKind.WHATSAPP,
        addresses=[(str(phone), "opted_out") for phone in phones],
        source="test",
    )
    return people


@fault(
    "fairness",
    injects="a client with a hundred recipients beside one with a million in the middle of sending, and 500 other jobs waiting",
    holds="the small one starts",
    seconds=5,
)
def fairness(ground: Ground) -> float:
    """All at the same priority; the large one and the 500 are cancelled once the small one is done."""
    large = ground.trial(MILLION // STEPS, per_second=None, start=False)
    crowd = ground.trial(10, per_second=1, numbers=1, start=False)
    small = ground.trial(100, per_second=None, start=False)
    for _ in range(500):
        crowd.start()
    large.start(steps=STEPS)
    wait_for("the large one is under way", 60, ground.alive(lambda: large.accepted() > 2_000))
    small.start()
    waiting = SendJob.objects.filter(pk__in=crowd.job_ids, state=JobState.RUNNING).count()
    took = wait_for("the small one starts", 60, ground.alive(lambda: small.accepted() > 0))
    if waiting != len(crowd.job_ids):
        raise Broken(f"only {waiting} of {len(crowd.job_ids)} other jobs were waiting")
    wait_for("the small one is done", 60, ground.alive(lambda: small.finished()))
    for trial in (large, crowd):
        for job_id in trial.job_ids:
            if not _is_final(job_id):
                cancel_job(job_id=job_id, actor=ACTOR)
    ground.settle(crowd)
    ground.settle(small)
    ground.settle(large, seconds=240)
    targeted = Recipient.objects.filter(job_id=large.job_id).count()
    if targeted != MILLION:
        raise Broken(f"{targeted} recipients of {MILLION}")
    return took


def _is_final(job_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT state IN (3, 4) FROM messaging_sendjob WHERE id = %s", [job_id])
        return bool(cursor.fetchone()[0])
