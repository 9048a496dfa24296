"""A scheduled campaign under its sending rules: whose clock, which hours, which dates; and that the run obeys when it claims."""

import datetime as dt

import pytest

from campaigns.outreach.models import Campaign, Execution
from campaigns.outreach.operations.campaigns import schedule_campaign
from campaigns.outreach.operations.preparing import prepare_execution, start_due_campaigns
from campaigns.outreach.states import CampaignState, Recurrence
from messaging.models import Recipient
from messaging.operations.claiming import claim_chunk
from messaging.selectors.plans import job_plan
from messaging.states import RecipientState
from tests.outreach.conftest import ACTOR, Agency

pytestmark = pytest.mark.django_db
# 2030-03-11 is a Monday; in March São Paulo is at -03:00, Manaus at -04:00, Lisbon at +00:00.
RULES = {"window": {"start": "09:00", "end": "18:00"}, "weekdays": [1, 2, 3, 4, 5], "blackout": ["2030-03-11"]}
SLOT = dt.datetime(2030, 3, 11, 8, 0, tzinfo=dt.timezone(dt.timedelta(hours=-3)))


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def scheduled(agency: Agency, zone: str, recurrence: Recurrence = Recurrence.DAILY) -> Campaign:
    """Two people in Manaus and Lisbon, one without a clock of their own; daily at eight."""
    agency.people(1, time_zone="America/Manaus")
    agency.people(1, time_zone="Europe/Lisbon")
    agency.people(1)
    campaign = agency.campaign(policy={**RULES, "zone": zone})
    return schedule_campaign(campaign_id=campaign.pk, starts_at=SLOT, recurrence=recurrence, actor=ACTOR)


def started(campaign: Campaign, now: dt.datetime) -> Execution:
    assert start_due_campaigns(now=now - dt.timedelta(seconds=1)) == 0
    assert start_due_campaigns(now=now) == 1
    execution = Execution.objects.get(campaign=campaign)
    prepare_execution(execution_id=execution.pk)
    return execution


def claim(agency: Agency, execution: Execution, now: dt.datetime) -> int:
    """How many may be sent at `now`."""
    return len(claim_chunk(plan=job_plan(execution.job_id), grants={agency.sender.pk: 50}, now=now).rows)


def waits(execution: Execution) -> list[str]:
    """Until when each person's message waits, in order of contacts."""
    rows = Recipient.objects.filter(job=execution.job_id, state=RecipientState.PENDING).order_by("contact_id")
    return [moment.astimezone(dt.UTC).strftime("%d %H:%M") for moment in rows.values_list("not_before", flat=True)]


def due_again(execution: Execution) -> None:
    """As if that time had come for the database's own clock."""
    Recipient.objects.filter(job=execution.job_id).update(not_before=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))


@pytest.mark.parametrize(
    ("zone", "opens"),
    [
        ("contact", ["12 13:00", "12 09:00", "12 12:00"]),  # nine o'clock of the day after, where each person is
        ("client", ["12 12:00"] * 3),  # nine o'clock in São Paulo
    ],
)
def test_a_blackout_date_defers_to_the_next_opening_of_whose_clock_decides(
    agency: Agency, zone: str, opens: list[str]
) -> None:
    execution = started(scheduled(agency, zone), SLOT)
    assert (execution.slot, claim(agency, execution, SLOT)) == (SLOT, 0)
    assert waits(execution) == opens


def test_each_person_is_written_to_within_their_own_hours(agency: Agency) -> None:
    execution = started(scheduled(agency, "contact"), SLOT)
    for now, sent in (
        (at("2030-03-12T08:59:00+00:00"), 0),  # nobody's morning has begun
        (at("2030-03-12T09:00:00+00:00"), 1),  # Lisbon
        (at("2030-03-12T12:59:00+00:00"), 1),  # the one on the client's clock
        (at("2030-03-12T22:00:00+00:00"), 0),  # six in the evening in Manaus: the window has closed
        (at("2030-03-15T13:00:00+00:00"), 1),  # Friday morning in Manaus
    ):
        due_again(execution)
        assert claim(agency, execution, now) == sent, now


def test_friday_evening_waits_for_monday(agency: Agency) -> None:
    execution = started(scheduled(agency, "client"), SLOT)
    assert claim(agency, execution, at("2030-03-15T18:00:00-03:00")) == 0
    assert waits(execution) == ["18 12:00"] * 3


def test_daily_leaves_out_a_day_on_which_the_last_run_goes_on(agency: Agency) -> None:
    campaign = scheduled(agency, "client")
    started(campaign, SLOT)
    campaign.refresh_from_db()
    assert campaign.next_run_at == SLOT + dt.timedelta(days=1)
    assert start_due_campaigns(now=SLOT + dt.timedelta(days=1)) == 0
    campaign.refresh_from_db()
    assert campaign.next_run_at == SLOT + dt.timedelta(days=2)
    assert Execution.objects.filter(campaign=campaign).count() == 1


def test_once_starts_once(agency: Agency) -> None:
    campaign = scheduled(agency, "client", Recurrence.ONCE)
    started(campaign, SLOT)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.next_run_at) == (CampaignState.RUNNING, None)
    assert start_due_campaigns(now=SLOT + dt.timedelta(days=1)) == 0
