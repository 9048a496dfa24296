"""People who change between the start of a run and their turn: who left the segment, was erased, or asked to stop under another address."""

import datetime as dt

import pytest
from django.utils import timezone

from agency.kit.errors import InvalidInput
from campaigns.outreach.models import Campaign, Execution, Segment
from campaigns.outreach.operations.executions import start_campaign
from campaigns.outreach.operations.preparing import prepare_execution
from campaigns.outreach.operations.segments import change_segment, create_segment
from campaigns.outreach.selectors.people import PeopleFilter, people_page
from campaigns.outreach.states import AudienceMode
from messaging.kit.audiences import still_in
from messaging.models import Contact, Recipient, SendJob
from messaging.operations.claiming import claim_chunk
from messaging.operations.contacts import erase_contact, untag_contacts
from messaging.operations.jobs import add_recipients
from messaging.operations.replies import stop_writing
from messaging.selectors.plans import job_plan
from messaging.selectors.totals import counted_funnel, funnel
from messaging.states import ChannelKind, Reason, RecipientState
from tests.outreach.conftest import ACTOR, Agency

pytestmark = pytest.mark.django_db
LEFT = (RecipientState.SKIPPED, Reason.LEFT_SEGMENT)
IN_HAND = (RecipientState.LEASED, Reason.NONE)


def vips(agency: Agency) -> Segment:
    return create_segment(
        client=agency.client, name="VIP", conditions={"field": "tags", "op": "has", "value": "vip"}, actor=ACTOR
    )


def begin(campaign: Campaign) -> Execution:
    execution = start_campaign(campaign_id=campaign.pk, actor=ACTOR)
    prepare_execution(execution_id=execution.pk)
    return execution


def claim(agency: Agency, execution: Execution) -> list[int]:
    """One claim of everybody; returns the contacts whose message may go."""
    chunk = claim_chunk(plan=job_plan(execution.job_id), grants={agency.sender.pk: 100}, now=dt.datetime.now(dt.UTC))
    assert dict(counted_funnel(execution.job_id).counts) == dict(funnel([execution.job_id]).counts)
    return sorted(row.contact_id for row in chunk.rows)


def fates(execution: Execution) -> list[tuple[RecipientState, Reason]]:
    return [(row.state, row.reason) for row in people_page(execution.job_id, PeopleFilter())]


def test_who_left_a_live_segment_is_skipped_at_the_claim(agency: Agency) -> None:
    people = agency.people(3, tags=["vip"])
    execution = begin(agency.campaign(segment=vips(agency), audience_mode=AudienceMode.LIVE))
    untag_contacts(client=agency.client, contact_ids=[people[1].pk], tag="vip", actor=ACTOR)
    joined = agency.people(1, tags=["vip"])[0]
    assert claim(agency, execution) == [people[0].pk, people[2].pk]
    assert fates(execution) == [IN_HAND, LEFT, IN_HAND]  # who joined later is in the next run
    assert joined.pk not in dict.fromkeys(claim(agency, execution))


def test_a_frozen_audience_keeps_who_left(agency: Agency) -> None:
    people = agency.people(2, tags=["vip"])
    execution = begin(agency.campaign(segment=vips(agency)))
    untag_contacts(client=agency.client, contact_ids=[people[1].pk], tag="vip", actor=ACTOR)
    assert claim(agency, execution) == [person.pk for person in people]


def test_a_live_audience_follows_the_segment_and_the_clock(agency: Agency) -> None:
    new, old = agency.people(2)
    week = {"field": "created_at", "op": "in_last_days", "value": 7}
    segment = create_segment(client=agency.client, name="New", conditions=week, actor=ACTOR)
    execution = begin(agency.campaign(segment=segment, audience_mode=AudienceMode.LIVE))
    Contact.objects.filter(pk=old.pk).update(created_at=timezone.now() - dt.timedelta(days=8))
    assert claim(agency, execution) == [new.pk]
    change_segment(
        segment_id=segment.pk, name="New", conditions={"field": "name", "op": "is", "value": "Zoé"}, actor=ACTOR
    )
    inside = still_in("outreach.segment", job_id=execution.job_id, contact_ids=[new.pk], now=timezone.now())
    assert list(inside) == []


def test_a_live_audience_needs_a_segment_and_a_known_check(agency: Agency) -> None:
    with pytest.raises(InvalidInput) as caught:
        agency.campaign(audience_mode=AudienceMode.LIVE)
    assert caught.value.field == "audience_mode" and not Campaign.objects.exists()
    agency.people(1)
    execution = begin(agency.campaign())
    SendJob.objects.filter(pk=execution.job_id).update(audience="nobody.knows")
    with pytest.raises(LookupError, match=r"nobody\.knows"):
        claim(agency, execution)


def test_who_was_erased_mid_flight_is_not_written_to(agency: Agency) -> None:
    people = agency.people(3)
    execution = begin(agency.campaign())
    erase_contact(contact_id=people[0].pk, actor=ACTOR, why="asked for it")
    Contact.objects.filter(pk=people[1].pk).delete()  # gone without the operation
    assert claim(agency, execution) == [people[2].pk]
    assert fates(execution) == [
        (RecipientState.SKIPPED, Reason.CANCELLED),
        (RecipientState.SKIPPED, Reason.INVALID_ADDRESS),
        IN_HAND,
    ]
    assert [(row.erased, row.name) for row in people_page(execution.job_id, PeopleFilter())] == [
        (True, ""),
        (True, ""),
        (False, people[2].name),
    ]


@pytest.mark.parametrize("phone", [None, "+5511987654321"])
def test_a_stop_under_the_whatsapp_id_counts_for_later_campaigns(agency: Agency, phone: str | None) -> None:
    person = agency.people(1, phone=phone, whatsapp_id="BR.9876543210")[0]
    stop_writing(
        client_id=agency.client.pk,
        channel=ChannelKind.WHATSAPP,
        address="BR.9876543210",
        contact=person,
        source="reply",
    )
    execution = begin(agency.campaign())
    assert claim(agency, execution) == []
    assert fates(execution) == [(RecipientState.SKIPPED, Reason.OPTED_OUT)]


def test_a_page_of_people_ends_between_two_steps_of_one_person(agency: Agency) -> None:
    people = agency.people(30)
    job = begin(agency.campaign()).job
    everybody = Contact.objects.filter(pk__in=[person.pk for person in people])
    add_recipients(job=job, contacts=everybody.exclude(pk=people[0].pk), up_to_id=2**62, step=1)
    seen: list[tuple[int, int]] = []
    while page := people_page(job.pk, PeopleFilter(after=seen[-1] if seen else (0, 0))):
        seen += [(row.contact_id, row.step) for row in page]
    assert seen == sorted(Recipient.objects.filter(job=job).values_list("contact_id", "step"))
    assert len(seen) == 59
