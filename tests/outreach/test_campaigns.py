"""Operations on campaigns: what they change, what they refuse, and that a refusal changes nothing."""

import dataclasses
import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from agency.kit.errors import InvalidInput, OperationRefused
from agency.models import AuditEntry, Client
from agency.states import ClientState
from campaigns.outreach.models import Campaign, Execution
from campaigns.outreach.operations.campaigns import (
    archive_campaign,
    change_campaign,
    order_of,
    schedule_campaign,
    unschedule_campaign,
)
from campaigns.outreach.operations.executions import (
    cancel_campaign,
    change_campaign_limits,
    pause_campaign,
    resume_campaign,
    start_campaign,
)
from campaigns.outreach.operations.preparing import (
    finish_executions,
    prepare_chunk,
    prepare_execution,
    start_due_campaigns,
)
from campaigns.outreach.operations.segments import add_usual_segments, change_segment, create_segment
from campaigns.outreach.selectors.readiness import start_problems
from campaigns.outreach.states import CampaignState, ExecutionState, Recurrence
from messaging.models import Contact, Recipient, Sender, SendJob, Template, TemplateVersion
from messaging.selectors.totals import funnel
from messaging.states import ChannelKind, JobState, MessageKind, Reason, RecipientState, SenderState, TemplateState
from tests.outreach.conftest import ACTOR, Agency, audit, recipients

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def finish(execution: Execution, state: JobState = JobState.FINISHED) -> None:
    """As the engine does when every recipient is final."""
    SendJob.objects.filter(pk=execution.job_id).update(state=state, finished_at=timezone.now())


def test_a_draft_is_checked_and_kept_in_stored_form(agency: Agency) -> None:
    campaign = agency.campaign(name="  Março ", policy={"window": {"start": "09:00", "end": "20:00"}})
    assert (campaign.name, campaign.state, campaign.priority) == ("Março", CampaignState.DRAFT, 3)
    assert campaign.policy == {
        "zone": "client",
        "consent": "not_withdrawn",
        "window": {"start": "09:00", "end": "20:00"},
    }
    other = change_campaign(
        campaign_id=campaign.pk, order=dataclasses.replace(order_of(campaign), rate_per_hour=100), actor=ACTOR
    )
    assert (other.rate_per_hour, other.name) == (100, "Março")
    entry = AuditEntry.objects.get(action="change_campaign")
    assert (entry.before, entry.after) == ({"rate_per_hour": None}, {"rate_per_hour": 100})


def test_wrong_parts_are_named(agency: Agency) -> None:
    foreign = Client.objects.create(name="Other", slug="other")
    mail = Template.objects.create(client=agency.client, name="m", channel=ChannelKind.EMAIL)
    theirs = create_segment(client=foreign, name="All", conditions={}, actor=ACTOR)
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("name", {"name": " "}),
        ("kind", {"kind": MessageKind.REPLY}),
        ("template", {"template": mail}),
        ("segment", {"segment": theirs}),
        ("senders", {"channel": ChannelKind.EMAIL, "template": mail}),
        ("priority", {"priority": 11}),
        ("max_attempts", {"max_attempts": 0}),
        ("rate_per_hour", {"rate_per_hour": 0}),
        ("variables", {"variables": {"contact.name": "x"}}),
        ("variables", {"variables": {"a b": "x"}}),
        ("variables", {"variables": {"offer": "x", "offer.price": "y"}}),
        ("window", {"policy": {"window": {"start": "09:00", "end": "09:00"}}}),
    ]
    for field, changes in wrong:
        with pytest.raises(InvalidInput) as caught:
            agency.campaign(**changes)
        assert caught.value.field == field
    assert not Campaign.objects.exists()


def test_start_prepares_in_resumable_pieces(agency: Agency) -> None:
    agency.people(5)
    agency.people(1, phone=None, email="ana@example.com")
    vip = create_segment(
        client=agency.client,
        name="Sem a Pessoa 2",
        conditions={"not": {"field": "name", "op": "is", "value": "Pessoa 2"}},
        actor=ACTOR,
    )
    campaign = agency.campaign(segment=vip, variables={"offer.name": "bolo"}, rate_per_hour=50)
    execution = start_campaign(campaign_id=campaign.pk, actor=ACTOR)
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.RUNNING and execution.state == ExecutionState.PREPARING
    job = SendJob.objects.get(pk=execution.job_id)
    assert (job.state, job.sender_ids, job.rate_per_hour) == (JobState.PREPARING, [agency.sender.pk], 50)
    assert job.variables == {"offer": {"name": "bolo"}}

    late = agency.people(1)[0]  # imported after the start: not in this execution
    assert prepare_chunk(execution_id=execution.pk, chunk=2)
    assert Recipient.objects.filter(job=job).count() == 2
    assert prepare_chunk(execution_id=execution.pk, chunk=2)
    assert not prepare_chunk(execution_id=execution.pk, chunk=2)
    assert not prepare_chunk(execution_id=execution.pk, chunk=2)

    execution.refresh_from_db()
    job.refresh_from_db()
    assert (execution.state, execution.targeted) == (ExecutionState.RUNNING, 5)
    assert (job.state, job.audience_complete) == (JobState.RUNNING, True)
    pending = (RecipientState.PENDING, Reason.NONE)
    assert recipients(execution) == [
        *[(f"+55119{10_000_000 + n}", *pending) for n in (0, 1, 3, 4)],
        (None, RecipientState.SKIPPED, Reason.INVALID_ADDRESS),
    ]
    assert late.pk not in Recipient.objects.values_list("contact_id", flat=True)
    assert funnel([job.pk]).targeted == 5
    assert audit(campaign) == ["create_campaign", "start_campaign"]


def test_pause_and_resume_also_while_the_audience_is_written(agency: Agency) -> None:
    agency.people(4)
    campaign = agency.campaign()
    execution = start_campaign(campaign_id=campaign.pk, actor=ACTOR)
    prepare_chunk(execution_id=execution.pk, chunk=2)
    pause_campaign(campaign_id=campaign.pk, actor=ACTOR, why="wrong picture")
    assert pause_campaign(campaign_id=campaign.pk, actor=ACTOR).state == ExecutionState.PAUSED
    prepare_execution(execution_id=execution.pk)
    execution.refresh_from_db()
    job = SendJob.objects.get(pk=execution.job_id)
    assert (execution.state, execution.targeted) == (ExecutionState.PAUSED, 4)
    assert (job.state, job.audience_complete) == (JobState.PAUSED, True)

    resume_campaign(campaign_id=campaign.pk, actor=ACTOR)
    assert resume_campaign(campaign_id=campaign.pk, actor=ACTOR).state == ExecutionState.RUNNING
    job.refresh_from_db()
    assert job.state == JobState.RUNNING
    assert audit(campaign) == ["create_campaign", "start_campaign", "pause_campaign", "resume_campaign"]
    assert AuditEntry.objects.get(action="pause_campaign").why == "wrong picture"


def test_cancel_ends_it_for_good(agency: Agency) -> None:
    agency.people(2)
    campaign = agency.campaign()
    execution = start_campaign(campaign_id=campaign.pk, actor=ACTOR)
    prepare_chunk(execution_id=execution.pk, chunk=1)
    cancel_campaign(campaign_id=campaign.pk, actor=ACTOR)
    cancel_campaign(campaign_id=campaign.pk, actor=ACTOR)
    assert not prepare_chunk(execution_id=execution.pk)
    execution.refresh_from_db()
    assert execution.state == ExecutionState.CANCELLED and execution.finished_at is not None
    assert SendJob.objects.get(pk=execution.job_id).state == JobState.CANCELLED
    assert Recipient.objects.count() == 1
    for operation in (start_campaign, pause_campaign, resume_campaign):
        with pytest.raises(OperationRefused) as caught:
            operation(campaign_id=campaign.pk, actor=ACTOR)
        assert caught.value.code == "wrong_state"
    assert audit(campaign) == ["create_campaign", "start_campaign", "cancel_campaign"]
    archive_campaign(campaign_id=campaign.pk, actor=ACTOR)
    assert Campaign.objects.get().state == CampaignState.ARCHIVED


def test_limits_change_while_it_runs(agency: Agency) -> None:
    agency.people(1)
    campaign = agency.campaign()
    execution = start_campaign(campaign_id=campaign.pk, actor=ACTOR)
    change_campaign_limits(campaign_id=campaign.pk, rate_per_hour=10, max_per_day=20, priority=7, actor=ACTOR)
    job = SendJob.objects.get(pk=execution.job_id)
    campaign.refresh_from_db()
    for record in (job, campaign):
        assert (record.rate_per_hour, record.max_per_day, record.priority) == (10, 20, 7)
    assert job.sender_ids == [agency.sender.pk]
    with pytest.raises(InvalidInput):
        change_campaign_limits(campaign_id=campaign.pk, rate_per_hour=0, max_per_day=20, priority=7, actor=ACTOR)


def test_it_starts_once(agency: Agency) -> None:
    agency.people(1)
    campaign = agency.campaign()
    start_campaign(campaign_id=campaign.pk, actor=ACTOR)
    with pytest.raises(OperationRefused):
        start_campaign(campaign_id=campaign.pk, actor=ACTOR)
    assert Execution.objects.count() == 1


def problems(campaign: Campaign) -> list[str]:
    campaign = Campaign.objects.select_related("client", "template__current", "segment", "pool").get(pk=campaign.pk)
    return [problem.code for problem in start_problems(campaign, timezone.now())]


def test_what_keeps_it_from_starting(agency: Agency) -> None:
    campaign = agency.campaign()
    assert problems(campaign) == ["empty_audience"]
    agency.people(1)
    assert problems(campaign) == []

    Sender.objects.update(state=SenderState.PAUSED)
    assert problems(campaign) == ["no_active_sender"]
    with pytest.raises(OperationRefused) as caught:
        start_campaign(campaign_id=campaign.pk, actor=ACTOR)
    assert caught.value.code == "no_active_sender"
    assert not SendJob.objects.exists() and not Execution.objects.exists()
    assert Campaign.objects.get().state == CampaignState.DRAFT
    Sender.objects.update(state=SenderState.ACTIVE)

    Template.objects.update(state=TemplateState.SUBMITTED)
    assert problems(campaign) == ["template_not_approved"]
    Template.objects.update(state=TemplateState.APPROVED)

    TemplateVersion.objects.update(variables=[], body="{{ offer.name }} {{ contact.attributes.city }}")
    assert problems(campaign) == ["unknown_variable", "unknown_variable"]
    Contact.objects.update(attributes={"city": "Santos"})
    Campaign.objects.update(variables={"offer.name": "bolo"})
    assert problems(campaign) == []

    TemplateVersion.objects.update(body="{{ offer.name")
    assert problems(campaign) == ["template_invalid"]
    TemplateVersion.objects.update(body="x")

    campaign.senders.clear()
    assert problems(campaign) == ["no_sender"]
    campaign.senders.add(agency.sender)
    Client.objects.update(state=ClientState.PAUSED)
    assert problems(campaign) == ["client_inactive"]


def test_mail_is_not_sent_while_a_check_fails(agency: Agency) -> None:
    mailbox = Sender.objects.create(
        client=agency.client,
        connection=agency.connection,
        channel=ChannelKind.EMAIL,
        name="Novidades",
        address="oi@clinicasol.example",
        mail_checks={"spf": {"state": "ok"}, "dkim": {"state": "fail"}, "dmarc": "fail"},
    )
    template = Template.objects.create(
        client=agency.client, name="m", channel=ChannelKind.EMAIL, state=TemplateState.APPROVED
    )
    template.current = TemplateVersion.objects.create(template=template, number=1, subject="Oi", body="Oi")
    template.save()
    agency.people(1, email="ana@example.com")
    campaign = agency.campaign(channel=ChannelKind.EMAIL, template=template, senders=(mailbox,))
    (problem,) = start_problems(campaign, timezone.now())
    assert problem.code == "mail_checks_failing" and "DKIM, DMARC" in problem.text
    Sender.objects.filter(pk=mailbox.pk).update(mail_checks={"spf": {"state": "ok"}})
    assert problems(campaign) == []


def test_a_finished_job_completes_the_campaign(agency: Agency) -> None:
    agency.people(1)
    campaign = agency.campaign()
    execution = start_campaign(campaign_id=campaign.pk, actor=ACTOR)
    prepare_execution(execution_id=execution.pk)
    assert finish_executions() == 0
    finish(execution)
    assert finish_executions() == 1
    assert finish_executions() == 0
    execution.refresh_from_db()
    campaign.refresh_from_db()
    assert (execution.state, campaign.state) == (ExecutionState.COMPLETED, CampaignState.COMPLETED)
    assert audit(campaign) == ["create_campaign", "start_campaign", "finish_campaign"]


def test_a_job_that_runs_again_reopens_its_run(agency: Agency) -> None:
    """Dead letters that are tried again make a finished job run."""
    agency.people(1)
    campaign = agency.campaign()
    execution = start_campaign(campaign_id=campaign.pk, actor=ACTOR)
    prepare_execution(execution_id=execution.pk)
    finish(execution)
    finish_executions()
    SendJob.objects.filter(pk=execution.job_id).update(state=JobState.RUNNING, finished_at=None)
    assert finish_executions() == 0
    execution.refresh_from_db()
    campaign.refresh_from_db()
    assert (execution.state, execution.finished_at) == (ExecutionState.RUNNING, None)
    assert campaign.state == CampaignState.RUNNING
    pause_campaign(campaign_id=campaign.pk, actor=ACTOR)
    assert SendJob.objects.get(pk=execution.job_id).state == JobState.PAUSED
    resume_campaign(campaign_id=campaign.pk, actor=ACTOR)
    finish(execution)
    assert finish_executions() == 1
    assert audit(campaign)[2:] == [
        "finish_campaign",
        "reopen_campaign",
        "pause_campaign",
        "resume_campaign",
        "finish_campaign",
    ]


def test_a_schedule_once(agency: Agency) -> None:
    agency.people(1)
    campaign = agency.campaign()
    now = timezone.now()
    with pytest.raises(InvalidInput):
        schedule_campaign(campaign_id=campaign.pk, starts_at=now - DAY, actor=ACTOR)
    schedule_campaign(campaign_id=campaign.pk, starts_at=now + DAY, actor=ACTOR)
    assert start_due_campaigns(now=now + DAY - dt.timedelta(seconds=1)) == 0
    unschedule_campaign(campaign_id=campaign.pk, actor=ACTOR)
    assert start_due_campaigns(now=now + 2 * DAY) == 0
    schedule_campaign(campaign_id=campaign.pk, starts_at=now + DAY, actor=ACTOR)
    assert start_due_campaigns(now=now + 2 * DAY) == 1
    assert start_due_campaigns(now=now + 2 * DAY) == 0
    execution = Execution.objects.get()
    assert execution.slot == now + DAY
    campaign.refresh_from_db()
    assert (campaign.state, campaign.next_run_at) == (CampaignState.RUNNING, None)
    # the same slot again, by whatever way: the same execution
    assert start_campaign(campaign_id=campaign.pk, slot=now + DAY, actor=ACTOR) == execution


def test_a_daily_schedule_makes_up_the_latest_day_and_never_overlaps(agency: Agency) -> None:
    agency.people(1)
    campaign = agency.campaign()
    first = timezone.now().replace(hour=13, minute=0, second=0, microsecond=0) + DAY
    schedule_campaign(
        campaign_id=campaign.pk, starts_at=first, recurrence=Recurrence.DAILY, ends_at=first + 6 * DAY, actor=ACTOR
    )
    assert start_due_campaigns(now=first) == 1
    assert start_due_campaigns(now=first + DAY) == 0  # yesterday's run still goes on
    assert audit(campaign)[-1] == "miss_slot"
    finish(Execution.objects.get())
    assert finish_executions() == 1
    campaign.refresh_from_db()
    assert (campaign.state, campaign.next_run_at) == (CampaignState.SCHEDULED, first + 2 * DAY)
    assert start_due_campaigns(now=first + 4 * DAY + dt.timedelta(hours=3)) == 1  # two days of downtime
    execution = Execution.objects.latest("number")
    assert (execution.number, execution.slot) == (2, first + 4 * DAY)
    finish(execution)
    finish_executions()
    assert start_due_campaigns(now=first + 9 * DAY) == 1
    execution = Execution.objects.latest("number")
    assert execution.slot == first + 6 * DAY
    finish(execution)
    finish_executions()
    campaign.refresh_from_db()
    assert (campaign.state, campaign.next_run_at) == (CampaignState.COMPLETED, None)


def test_a_scheduled_campaign_that_cannot_start_says_so(agency: Agency) -> None:
    campaign = agency.campaign()
    now = timezone.now()
    schedule_campaign(campaign_id=campaign.pk, starts_at=now + DAY, actor=ACTOR)
    assert start_due_campaigns(now=now + DAY) == 0
    campaign.refresh_from_db()
    assert (campaign.state, campaign.next_run_at) == (CampaignState.DRAFT, None)
    entry = AuditEntry.objects.get(action="miss_slot")
    assert entry.after["code"] == "empty_audience" and entry.why
    assert not SendJob.objects.exists()


def test_a_scheduled_campaign_that_breaks_does_not_keep_others_from_starting(agency: Agency) -> None:
    agency.people(1)
    broken, sound = agency.campaign(name="Broken"), agency.campaign(name="Sound")
    now = timezone.now()
    for campaign, hours in ((broken, 1), (sound, 2)):
        schedule_campaign(campaign_id=campaign.pk, starts_at=now + hours * dt.timedelta(hours=1), actor=ACTOR)
    Campaign.objects.filter(pk=broken.pk).update(variables={"offer": "x", "offer.price": "y"})
    assert start_due_campaigns(now=now + DAY) == 1
    assert Execution.objects.get().campaign == sound


def test_segments_are_kept_and_changed(agency: Agency) -> None:
    added = add_usual_segments(client=agency.client, actor=ACTOR)
    assert len(added) == 3 and add_usual_segments(client=agency.client, actor=ACTOR) == []
    with pytest.raises(InvalidInput) as caught:
        create_segment(client=agency.client, name=added[0].name, conditions={}, actor=ACTOR)
    assert caught.value.code == "name_taken"
    changed = change_segment(
        segment_id=added[0].pk, name="Todos", conditions={"field": "tags", "op": "has", "value": "a"}, actor=ACTOR
    )
    assert (changed.name, changed.conditions) == ("Todos", {"field": "tags", "op": "has", "value": "a"})
    with pytest.raises(InvalidInput):
        change_segment(segment_id=added[0].pk, name="Todos", conditions={"field": "x"}, actor=ACTOR)
    assert audit(changed) == ["create_segment", "change_segment"]
