"""Who may have been sent to already: repeated only at the account that knows our key, while it remembers it, and never called unsent."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F

from integrations.capabilities.messages import Recovery, dedupe_for, recovery_of
from messaging.models import Contact, Recipient, Sender, SendJob
from messaging.operations.addresses import skip_open_recipients
from messaging.operations.claiming import Chunk, claim_chunk, set_aside_rows
from messaging.operations.jobs import cancel_job, change_job_limits, skip_cancelled
from messaging.operations.leases import retry_given_up, settle_expired_leases
from messaging.operations.recording import Outcome, record_outcomes
from messaging.operations.totals import fold_tallies
from messaging.selectors.plans import job_plan
from messaging.selectors.totals import counted_funnel, funnel
from messaging.states import LOST_CODE, ChannelKind, MessageKind, Reason, RecipientState

from .conftest import ACTOR, World, expire_leases, states
from .test_lost_answers import mail_senders

KEPT = dedupe_for("resend")


def letter(world: World, senders: Sequence[Sender], number: int = 1) -> SendJob:
    """A job by e-mail to so many people."""
    people = Contact.objects.bulk_create(
        Contact(client=world.client, name="Ana", email=f"ana{n}@example.com") for n in range(number)
    )
    return world.job(
        people,
        channel=ChannelKind.EMAIL,
        kind=MessageKind.SINGLE,
        sender_ids=[sender.pk for sender in senders],
        template_version=None,
        subject="Oi",
        text="Olá",
    )


def claim(job: SendJob, sender: Sender, number: int = 1) -> Chunk:
    """One claim, as a batch makes it: rows that have lost a process are set aside first."""
    waiting = Recipient.objects.filter(job=job, state=RecipientState.PENDING)
    waiting.update(not_before=datetime.now(UTC) - timedelta(hours=1))
    aside = set_aside_rows(job_id=job.pk, limit=number, lost=True) if waiting.filter(code=LOST_CODE).exists() else None
    return claim_chunk(plan=job_plan(job.pk), grants={sender.pk: number}, now=datetime.now(UTC), aside=aside)


def lose(job: SendJob, sender: Sender, ago: timedelta, number: int = 1) -> None:
    """A process that was lost so long ago with the job's rows in hand, and the sweep that put them back."""
    assert len(claim(job, sender, number).rows) == number
    expire_leases()
    assert settle_expired_leases() == {"pending": number}
    Recipient.objects.filter(job=job).update(maybe_sent_at=F("maybe_sent_at") - ago)


def row_of(job: SendJob) -> tuple[str, Reason, str | None]:
    row = Recipient.objects.get(job=job)
    before = funnel([job.pk]).counts
    fold_tallies()
    assert before == funnel([job.pk]).counts == counted_funnel(job.pk).counts
    return RecipientState(row.state).name.lower(), Reason(row.reason), row.code


def test_only_who_dedupes_says_for_how_long() -> None:
    services = ("whatsapp_cloud", "evolution", "twilio", "smtp", "resend")
    known = {service: dedupe_for(service) for service in services if recovery_of(service) is Recovery.DEDUPE}
    assert known == {"resend": timedelta(hours=23)}
    assert {dedupe_for(service) for service in services if service not in known} == {timedelta(0)}


@pytest.mark.parametrize(
    ("ago", "claimed"), [(timedelta(0), 1), (KEPT - timedelta(minutes=2), 1), (KEPT, 0), (timedelta(days=9), 0)]
)
def test_a_lost_message_is_repeated_only_while_its_key_is_remembered(
    world: World, ago: timedelta, claimed: int
) -> None:
    (sender, _other) = mail_senders(world, 1)
    job = letter(world, [sender])
    lose(job, sender, ago)
    chunk = claim(job, sender)
    assert [row.doubted for row in chunk.rows] == [True] * claimed
    if not claimed:
        assert row_of(job) == ("unknown", Reason.LEASE_EXPIRED, "not_repeatable")
        assert chunk.unused == {sender.pk: 1}
        assert claim(job, sender).looked_at == 0


@pytest.mark.parametrize(("maybe", "later"), [(True, 0), (False, 1)])
def test_a_failed_attempt_counts_only_if_it_may_have_been_accepted(world: World, maybe: bool, later: int) -> None:
    (sender, _other) = mail_senders(world, 1)
    job = letter(world, [sender])
    old = datetime.now(UTC) - timedelta(days=2)
    for at in (old, old + timedelta(days=1, hours=23)) if maybe else (None, None):  # the first one decides
        chunk = claim_chunk(plan=job_plan(job.pk), grants={sender.pk: 1}, now=old)
        back = Outcome(chunk.rows[0].recipient_id, RecipientState.PENDING, code="timeout", sent_at=at)
        assert record_outcomes(lease=chunk.lease, outcomes=[back]) == 1
    row = Recipient.objects.get(job=job)
    assert (row.sent_at, row.maybe_sent_at, row.code) == (None, old if maybe else None, "timeout")
    assert len(claim(job, sender).rows) == later


def test_a_dead_letter_of_long_ago_goes_again_only_if_it_was_surely_not_accepted(world: World) -> None:
    (sender, _other) = mail_senders(world, 1)
    job = letter(world, [sender], 2)
    chunk = claim(job, sender, 2)
    failed = [
        Outcome(row.recipient_id, RecipientState.FAILED, Reason.ATTEMPTS_EXHAUSTED, code="x") for row in chunk.rows
    ]
    record_outcomes(lease=chunk.lease, outcomes=failed)
    doubted = Recipient.objects.filter(pk=chunk.rows[0].recipient_id)
    doubted.update(maybe_sent_at=datetime.now(UTC) - timedelta(days=3))
    assert retry_given_up(job_id=job.pk, actor=ACTOR) == 2
    assert [row.recipient_id for row in claim(job, sender, 2).rows] == [chunk.rows[1].recipient_id]
    assert doubted.get().state == RecipientState.UNKNOWN


def test_a_lost_message_is_not_repeated_at_another_account(world: World) -> None:
    first, second = mail_senders(world, 2)
    job = letter(world, [first])
    lose(job, first, timedelta(0))
    change_job_limits(
        job_id=job.pk, rate_per_hour=None, max_per_day=None, priority=5, sender_ids=[second.pk], actor=ACTOR
    )
    assert claim(job, second).rows == ()
    assert row_of(job) == ("unknown", Reason.LEASE_EXPIRED, "not_repeatable")


def test_a_row_put_back_too_often_is_unknown_and_no_dead_letter(world: World) -> None:
    (sender, _other) = mail_senders(world, 1)
    job = letter(world, [sender])
    for fate in ("pending", "pending", "unknown"):
        claim(job, sender)
        expire_leases()
        assert settle_expired_leases() == {fate: 1}
    assert row_of(job) == ("unknown", Reason.LEASE_EXPIRED, "lease_expired")


def test_nobody_says_of_what_may_have_been_accepted_that_it_was_not_sent(world: World) -> None:
    (sender, _other) = mail_senders(world, 1)
    stopped, cancelled, erased = (letter_to(world, sender, f"{n}@example.com") for n in range(3))
    for job in (stopped, cancelled, erased):
        lose(job, sender, timedelta(0))
    person = Recipient.objects.get(job=stopped).contact_id
    assert skip_open_recipients(client_id=world.client.pk, contact_ids=[person], reason=Reason.OPTED_OUT) == 1
    cancel_job(job_id=cancelled.pk, actor=ACTOR)
    assert [skip_cancelled(job_id=cancelled.pk), skip_cancelled(job_id=cancelled.pk)] == [1, 0]
    Contact.objects.filter(pk=Recipient.objects.get(job=erased).contact_id).update(email=None, phone="+5511987650000")
    assert claim(erased, sender).rows == ()
    assert row_of(stopped)[:2] == row_of(cancelled)[:2] == ("unknown", Reason.LEASE_EXPIRED)
    assert row_of(erased) == ("unknown", Reason.LEASE_EXPIRED, "invalid_address")


def letter_to(world: World, sender: Sender, address: str) -> SendJob:
    person = Contact.objects.create(client=world.client, name="Bia", email=address)
    return world.job(
        [person],
        channel=ChannelKind.EMAIL,
        kind=MessageKind.SINGLE,
        sender_ids=[sender.pk],
        template_version=None,
        text="Olá",
    )


def test_a_message_sent_at_the_second_attempt_keeps_no_error_of_the_first(world: World) -> None:
    job = world.job(world.people(1))
    fault = world.sandbox.control.add_fault("refuse", service="whatsapp_cloud", operation="send", code="131016")
    world.send(job)
    assert Recipient.objects.get(job=job).code == "131016"
    world.sandbox.control.remove_fault(fault)
    Recipient.objects.filter(job=job).update(not_before=datetime.now(UTC) - timedelta(seconds=1))
    world.send(job)
    row = Recipient.objects.get(job=job)
    assert (states(job), row.attempt, row.code) == ({"sent": 1}, 2, None)
