"""One batch, from the rows to the provider and back: every person ends with a state, and the provider's log agrees."""

from datetime import UTC, datetime, timedelta

import pytest

from agency.models import AuditEntry
from agency.operations.freeze import freeze_sending, lift_freeze
from integrations.models import Connection
from integrations.operations.connections import create_connection
from messaging.limits import limiter
from messaging.models import Consent, Recipient, Sender, SendJob, Suppression, Wave
from messaging.operations.claiming import claim_chunk
from messaging.operations.deliveries import StatusReport, apply_status_reports
from messaging.operations.jobs import cancel_job, pause_job, resume_job, skip_cancelled
from messaging.operations.leases import retry_given_up, settle_expired_leases
from messaging.operations.recording import Outcome, record_outcomes
from messaging.operations.totals import fold_tallies
from messaging.operations.waves import close_wave, dispatch_jobs
from messaging.runners.batches import send_batch
from messaging.runners.sweeping import rebuild_limiter
from messaging.selectors.plans import job_plan
from messaging.selectors.totals import counted_funnel, funnel
from messaging.states import ChannelKind, ConsentState, JobState, Reason, RecipientState

from .conftest import ACTOR, World, expire_leases, states


def totals_agree(job: SendJob) -> bool:
    """The tallies say what the rows say, before and after they are folded."""
    before = funnel([job.pk]).counts
    fold_tallies()
    return before == funnel([job.pk]).counts == counted_funnel(job.pk).counts


def test_everybody_ends_with_a_state_and_whoever_was_not_sent_has_a_reason(world: World) -> None:
    people = world.people(450)
    people += world.people(1, phone=None, email="so@email.example")
    Suppression.objects.create(
        client=world.client, channel=ChannelKind.WHATSAPP, address=str(people[0].phone), reason="opted_out"
    )
    Suppression.objects.create(
        client=world.client, channel=ChannelKind.WHATSAPP, address=str(people[1].phone), reason="complained"
    )
    Suppression.objects.create(
        client=world.client, channel=ChannelKind.EMAIL, address=str(people[2].phone), reason="complained"
    )
    Consent.objects.create(
        contact=people[3],
        channel=ChannelKind.WHATSAPP,
        state=ConsentState.WITHDRAWN,
        source="form",
        recorded_at=datetime.now(UTC),
    )
    people += world.people(1, name="")
    job = world.job(people)

    world.send(job)

    assert states(job) == {"sent": 447, "skipped": 5}
    reasons = funnel([job.pk]).by_reason(RecipientState.SKIPPED)
    assert reasons == {Reason.OPTED_OUT: 2, Reason.SUPPRESSED: 1, Reason.INVALID_ADDRESS: 1, Reason.MISSING_VARIABLE: 1}
    assert totals_agree(job)
    report = world.compare(job)
    assert (report.targeted, report.accepted, report.lost, report.duplicated, report.strangers) == (452, 447, 0, 0, 0)
    sent = Recipient.objects.get(job=job, contact=people[10])
    assert sent.variables == {"contact.first_name": "Pessoa", "contact.attributes.offer": "pão quentinho"}
    assert (sent.attempt, sent.lease, sent.leased_until) == (1, None, None)


def test_a_finished_job_is_finished_once_and_its_wave_closed_once(world: World) -> None:
    job = world.job(world.people(5))
    world.send(job)
    wave = job.waves.get()
    assert [close_wave(wave_id=wave.pk), close_wave(wave_id=wave.pk)] == [True, False]
    assert send_batch(wave_id=wave.pk, count=100) == 0  # a redelivered batch of a closed wave does nothing
    dispatch_jobs()
    job.refresh_from_db()
    assert job.state == JobState.FINISHED
    assert job.finished_at is not None


def test_a_process_lost_after_the_provider_accepted_leaves_unknown_and_a_status_settles_it(world: World) -> None:
    job = world.job(world.people(3))
    chunk = claim_chunk(plan=job_plan(job.pk), grants={world.senders[0].pk: 3}, now=datetime.now(UTC))
    expire_leases()
    assert settle_expired_leases() == {"unknown": 3}
    assert AuditEntry.objects.get(action="lose_process", subject_id=job.pk).after == {"unknown": 3}
    assert totals_agree(job)
    assert world.send(job) == 0  # never sent again

    row = chunk.rows[0]
    report = StatusReport(
        received_on=datetime.now(UTC).date(),
        connection_id=world.connection.pk,
        provider_event_id="wamid.1:delivered",
        provider_message_id="wamid.1",
        reference=row.recipient_id,
        state=RecipientState.DELIVERED,
        occurred_at=datetime.now(UTC),
    )
    assert [apply_status_reports(reports=[report]), apply_status_reports(reports=[report])] == [1, 0]
    # The lost process comes back with its answer after all: what it says of a row still unknown is taken.
    late = Outcome(chunk.rows[1].recipient_id, RecipientState.SENT, provider_id="wamid.2", sent_at=datetime.now(UTC))
    assert record_outcomes(lease=chunk.lease, outcomes=[late]) == 1
    assert states(job) == {"delivered": 1, "sent": 1, "unknown": 1}
    assert totals_agree(job)


def test_an_outcome_recorded_with_a_foreign_lease_changes_nothing(world: World) -> None:
    job = world.job(world.people(2))
    chunk = claim_chunk(plan=job_plan(job.pk), grants={world.senders[0].pk: 2}, now=datetime.now(UTC))
    outcome = Outcome(chunk.rows[0].recipient_id, RecipientState.SENT, provider_id="wamid.x")
    assert record_outcomes(lease=chunk.lease + 1, outcomes=[outcome]) == 0
    assert Recipient.objects.filter(job=job, state=RecipientState.LEASED, provider_id=None).count() == 2


def test_a_status_that_overtakes_the_record_is_kept(world: World) -> None:
    job = world.job(world.people(1))
    chunk = claim_chunk(plan=job_plan(job.pk), grants={world.senders[0].pk: 1}, now=datetime.now(UTC))
    row = chunk.rows[0]
    now = datetime.now(UTC)
    read = StatusReport(
        now.date(), world.connection.pk, "wamid.1:read", "wamid.1", row.recipient_id, RecipientState.READ, now
    )
    apply_status_reports(reports=[read])
    record_outcomes(
        lease=chunk.lease, outcomes=[Outcome(row.recipient_id, RecipientState.SENT, provider_id="wamid.1", sent_at=now)]
    )
    assert states(job) == {"read": 1}
    assert totals_agree(job)


def test_a_connection_cannot_move_another_clients_message(world: World) -> None:
    job = world.job(world.people(1))
    world.send(job)
    recipient = Recipient.objects.get(job=job)
    now = datetime.now(UTC)
    foreign = StatusReport(now.date(), world.connection.pk + 1, "x:read", "x", recipient.pk, RecipientState.READ, now)
    assert apply_status_reports(reports=[foreign]) == 0
    assert states(job) == {"sent": 1}


@pytest.mark.parametrize(
    ("kind", "code", "state", "reason", "attempts"),
    [
        ("rate_limit", "", "pending", Reason.NONE, 0),
        ("refuse", "131016", "pending", Reason.NONE, 1),
        ("refuse", "131026", "failed", Reason.PROVIDER_REFUSED, 1),
        ("server_error", "", "unknown", Reason.LEASE_EXPIRED, 1),
        ("cut_before", "", "unknown", Reason.LEASE_EXPIRED, 1),
        ("cut_after", "", "unknown", Reason.LEASE_EXPIRED, 1),
    ],
)
def test_what_the_provider_does_decides_what_is_recorded(
    world: World, kind: str, code: str, state: str, reason: Reason, attempts: int
) -> None:
    job = world.job(world.people(1))
    world.sandbox.control.add_fault(kind, service="whatsapp_cloud", operation="send", code=code)
    world.send(job)
    row = Recipient.objects.get(job=job)
    assert (states(job), row.reason, row.attempt) == ({state: 1}, reason, attempts)
    assert totals_agree(job)
    assert world.compare(job).duplicated == 0


def test_attempts_are_exhausted_into_a_dead_letter_that_a_person_retries(world: World) -> None:
    job = world.job(world.people(2), max_attempts=2)
    world.sandbox.control.add_fault("refuse", service="whatsapp_cloud", operation="send", code="131016")
    for _ in range(2):
        limiter.forgive_senders([sender.pk for sender in world.senders])
        Recipient.objects.filter(job=job).update(not_before=datetime.now(UTC) - timedelta(seconds=1))
        world.send(job)
    assert funnel([job.pk]).by_reason(RecipientState.FAILED) == {Reason.ATTEMPTS_EXHAUSTED: 2}

    world.sandbox.control.clear_faults()
    limiter.forgive_senders([sender.pk for sender in world.senders])
    assert retry_given_up(job_id=job.pk, actor=ACTOR) == 2
    world.send(job)
    assert states(job) == {"sent": 2}
    assert totals_agree(job)


def test_paused_means_no_more_claims_and_resumed_goes_on(world: World) -> None:
    job = world.job(world.people(4))
    pause_job(job_id=job.pk, actor=ACTOR)
    assert world.send(job) == 0
    assert states(job) == {"pending": 4}
    resume_job(job_id=job.pk, actor=ACTOR)
    world.send(job)
    assert states(job) == {"sent": 4}


def test_a_freeze_stops_every_claim_and_every_new_wave_until_it_is_lifted(world: World) -> None:
    job = world.job(world.people(4))
    freeze_sending(actor=ACTOR, why="wrong prices")
    assert SendJob.objects.filter(
        pk=job.pk, next_wave_at__lte=datetime.now(UTC)
    ).exists()  # due, were it not for the freeze
    assert world.send(job) == 0
    assert dispatch_jobs() == 0
    assert (states(job), SendJob.objects.get(pk=job.pk).state) == ({"pending": 4}, JobState.RUNNING)
    assert world.compare(job).accepted == 0
    lift_freeze(actor=ACTOR)
    world.send(job)
    assert states(job) == {"sent": 4}


def test_cancelled_rows_get_their_reason_and_nothing_more_is_sent(world: World) -> None:
    job = world.job(world.people(4))
    world.send(job, count=1)
    cancel_job(job_id=job.pk, actor=ACTOR)
    assert world.send(job) == 0
    assert [skip_cancelled(job_id=job.pk), skip_cancelled(job_id=job.pk)] == [3, 0]
    job.refresh_from_db()
    assert job.finished_at is not None
    assert funnel([job.pk]).by_reason(RecipientState.SKIPPED) == {Reason.CANCELLED: 3}
    assert world.compare(job).agree


def test_a_limit_per_day_holds_and_survives_the_loss_of_redis(world: World) -> None:
    sender = world.senders[0]
    sender.per_day = 3
    sender.save()
    job = world.job(world.people(10), sender_ids=[sender.pk])
    world.send(job)
    assert states(job) == {"pending": 7, "sent": 3}

    limiter._client().flushdb()
    assert world.send(job) == 0  # nothing is granted on counters that may be wrong
    assert rebuild_limiter() is True
    world.send(job)
    assert states(job) == {"pending": 7, "sent": 3}

    sender.per_day = 5
    sender.save()
    world.send(job)
    assert states(job) == {"pending": 5, "sent": 5}


def test_two_messages_to_one_person_keep_the_pair_distance(world: World) -> None:
    sender = world.senders[0]
    sender.pair_seconds = 6
    sender.save()
    person = world.people(1)
    first, second = (world.job(person, sender_ids=[sender.pk]) for _ in range(2))
    world.send(first)
    world.send(second)
    assert (states(first), states(second)) == ({"sent": 1}, {"pending": 1})
    row = Recipient.objects.get(job=second)
    assert timedelta(seconds=3) < row.not_before - datetime.now(UTC) <= timedelta(seconds=6)
    assert row.attempt == 0


def test_a_portfolio_reaches_no_more_distinct_people_than_allowed(world: World) -> None:
    for sender in world.senders:
        sender.portfolio, sender.portfolio_per_day = "padaria", 2
        sender.save()
    job = world.job(world.people(5))
    world.send(job)
    assert states(job) == {"pending": 3, "sent": 2}


def test_a_sender_with_dead_credentials_is_stopped_and_its_people_wait(world: World) -> None:
    world.sandbox.control.add_fault("refuse", service="whatsapp_cloud", operation="send", code="190")
    job = world.job(world.people(2), sender_ids=[world.senders[0].pk])
    world.send(job)
    world.senders[0].refresh_from_db()
    assert world.senders[0].state == "restricted"
    assert states(job) == {"pending": 2}
    assert set(Recipient.objects.filter(job=job).values_list("attempt", flat=True)) == {0}


def test_a_failing_provider_makes_the_sender_rest_and_then_be_tried_with_a_few(world: World) -> None:
    sender = world.senders[0]
    job = world.job(world.people(600), sender_ids=[sender.pk])
    fault = world.sandbox.control.add_fault("server_error", service="whatsapp_cloud", operation="send")
    world.send(job)
    assert states(job) == {"pending": 200, "unknown": 400}  # the two chunks in hand, and no more
    world.sandbox.control.remove_fault(fault)
    assert world.send(job) == 0  # it rests
    limiter._client().delete(f"hold:{sender.pk}")
    world.send(job)
    assert states(job) == {"sent": 200, "unknown": 400}
    assert world.compare(job).agree


def test_a_connection_that_cannot_be_opened_stops_its_sender_and_not_the_others(world: World) -> None:
    broken = create_connection(
        actor=ACTOR,
        service="evolution",
        name="broken",
        client=world.client,
        settings={"base_url": world.sandbox.base_url("evolution")},
        secrets={"api_key": "x", "webhook_token": "y" * 20},
    )
    Connection.objects.filter(pk=broken.pk).update(sealed_secrets=b"sealed by a lost key")
    lost = Sender.objects.create(
        client=world.client, connection=broken, channel=ChannelKind.WHATSAPP, name="lost", address="x"
    )
    job = world.job(world.people(4), sender_ids=[lost.pk, world.senders[0].pk])
    world.send(job)
    lost.refresh_from_db()
    assert lost.state == "restricted"
    assert states(job) == {"sent": 4}


def test_jobs_that_share_a_slow_number_do_not_take_the_fleet_from_the_others(world: World) -> None:
    slow, quick = world.senders[0], world.senders[1]
    slow.per_second = 1
    slow.save()
    crowd = [world.job(world.people(10), sender_ids=[slow.pk]) for _ in range(30)]
    large = world.job(world.people(700), sender_ids=[quick.pk])
    dispatch_jobs()
    waves = Wave.objects.filter(job__in=crowd)
    assert (
        sum(waves.values_list("size", flat=True)) <= 6
    )  # what one message a second comes to in five seconds, and the first
    assert SendJob.objects.filter(pk__in=[job.pk for job in crowd], next_wave_at__isnull=True).count() == waves.count()
    assert Wave.objects.get(job=large).size == 700


def test_one_cut_line_between_calls_that_work_does_not_make_a_sender_rest(world: World) -> None:
    sender = world.senders[0]
    for accepted, broken in ((0, 1), (5, 0), (0, 2), (1, 0), (1, 2)):
        limiter.note_chunk(sender.pk, accepted=accepted, broken=broken)
    job = world.job(world.people(20), sender_ids=[sender.pk])
    assert world.send(job) == 20

    limiter.note_chunk(sender.pk, accepted=0, broken=2)
    limiter.note_chunk(sender.pk, accepted=0, broken=1)
    assert world.send(world.job(world.people(20), sender_ids=[sender.pk])) == 0
