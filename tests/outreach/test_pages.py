"""The pages of campaigns: what they show, what their forms and buttons do, who gets in."""

import datetime as dt
import json
import re
import time
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from agency.models import AuditEntry, Client, ClientGrant, User
from agency.states import Role
from campaigns.outreach.admin.segments import SegmentForm
from campaigns.outreach.models import Campaign, Execution, Segment
from campaigns.outreach.operations.executions import change_campaign_limits, pause_campaign, start_campaign
from campaigns.outreach.operations.preparing import prepare_execution
from campaigns.outreach.operations.segments import create_segment
from campaigns.outreach.selectors.live import live_execution
from campaigns.outreach.states import CampaignState
from messaging.limits import limiter
from messaging.models import Contact, Recipient, Sender, Tally, TemplateVersion
from messaging.operations.addresses import restrict_sender
from messaging.operations.leases import settle_expired_leases
from messaging.states import ChannelKind, Reason, RecipientState
from tests.outreach.conftest import ACTOR, Agency
from tests.pages import text
from tests.worlds import make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(agency: Agency) -> User:
    """Somebody who runs this client's campaigns, in English."""
    return make_person("ana", Role.ACCOUNT_MANAGER, agency.client, language="en")


@pytest.fixture
def browser(manager: User) -> Browser:
    browser = Browser()
    browser.force_login(manager)
    return browser


def change(campaign: Campaign) -> str:
    return reverse("admin:outreach_campaign_change", args=(campaign.pk,))


def do(campaign: Campaign, name: str) -> str:
    return reverse("admin:outreach_campaign_change_do", args=(campaign.pk, name))


def test_a_campaign_from_form_to_start(agency: Agency, browser: Browser) -> None:
    agency.people(30)
    form = {
        "client": agency.client.pk,
        "name": "Março",
        "kind": "6",
        "channel": str(int(ChannelKind.WHATSAPP)),
        "segment": "",
        "audience_mode": "frozen",
        "template": agency.template.pk,
        "senders": [agency.sender.pk],
        "pool": "",
        "variable_lines": "offer.name = bolo de cenoura",
        "consent": "not_withdrawn",
        "window_start": "09:00",
        "window_end": "20:00",
        "zone": "client",
        "weekdays": ["1", "2", "3", "4", "5"],
        "holidays": "BR-SP, BR-XX",
        "blackout": "2026-12-24",
        "cap_messages": "2",
        "cap_days": "7",
        "cap_consequence": "defer",
        "rate_per_hour": "",
        "max_per_day": "10",
        "priority": "3",
        "max_attempts": "3",
    }
    add = reverse("admin:outreach_campaign_add")
    refused = browser.post(add, form)
    assert "no holiday calendar" in text(refused) and not Campaign.objects.exists()
    browser.post(add, form | {"holidays": "BR-SP"})
    campaign = Campaign.objects.get()
    assert campaign.variables == {"offer.name": "bolo de cenoura"}
    assert campaign.policy["window"] == {"start": "09:00", "end": "20:00"}
    assert list(campaign.senders.all()) == [agency.sender]

    page = text(browser.get(change(campaign)))
    for words in (
        "draft",
        "30 people",
        "Every contact with an address on this channel",
        "Between 09:00 and 20:00, on the client's clock",
        "Not on holidays of BR-SP",
        "At most 10 messages in 24 hours",
        "10 messages in 24 hours mean 3 days for this audience.",
        "US$ 1.88",
    ):
        assert words in page
    edited = browser.post(f"{change(campaign)}?edit=1", form | {"name": "Abril", "holidays": ""})
    assert edited.status_code == 302
    campaign.refresh_from_db()
    assert campaign.name == "Abril" and "holidays" not in campaign.policy

    assert "Sends one message to each of 30 people, about US$ 1.88 by list prices" in text(
        browser.get(do(campaign, "start"))
    )
    assert browser.post(do(campaign, "start")).status_code == 302
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.RUNNING
    assert "writing the audience" in text(browser.get(change(campaign)))
    assert "edit=1" not in browser.get(change(campaign)).content.decode()
    assert browser.post(f"{change(campaign)}?edit=1", form | {"name": "Maio"}).status_code == 200
    campaign.refresh_from_db()
    assert campaign.name == "Abril"


def test_what_is_missing_comes_before_start(agency: Agency, browser: Browser) -> None:
    campaign = agency.campaign(senders=())
    page = browser.get(change(campaign))
    assert "Choose at least one sender." in text(page) and "Nobody is in the audience" in text(page)
    assert do(campaign, "start") not in page.content.decode()
    answer = browser.post(do(campaign, "start"))
    assert answer.status_code == 200 and "Choose at least one sender." in text(answer)
    assert not Execution.objects.exists()


def test_schedule_limits_pause_resume_cancel(agency: Agency, browser: Browser) -> None:
    agency.people(2)
    campaign = agency.campaign()
    day = (timezone.localtime() + dt.timedelta(days=2)).strftime("%Y-%m-%d")
    browser.post(do(campaign, "schedule"), {"starts_at": f"{day}T10:00", "recurrence": "daily", "ends_at": ""})
    campaign.refresh_from_db()
    assert (campaign.state, campaign.recurrence) == (CampaignState.SCHEDULED, "daily")
    assert campaign.next_run_at is not None and "Starts daily at 10 a.m." in text(browser.get(change(campaign)))
    browser.post(do(campaign, "unschedule"))
    start_campaign(campaign_id=campaign.pk, actor=ACTOR)
    browser.post(do(campaign, "limits"), {"rate_per_hour": "5", "max_per_day": "", "priority": "8"})
    assert "At most 5 messages in an hour" in text(browser.get(change(campaign)))
    for name, state in (
        ("pause", CampaignState.PAUSED),
        ("resume", CampaignState.RUNNING),
        ("cancel", CampaignState.CANCELLED),
        ("archive", CampaignState.ARCHIVED),
    ):
        assert browser.post(do(campaign, name), {"why": ""}).status_code == 302
        campaign.refresh_from_db()
        assert campaign.state == state


def test_the_people_of_a_run(agency: Agency, browser: Browser, manager: User) -> None:
    agency.people(3)
    execution = start_campaign(campaign_id=agency.campaign().pk, actor=ACTOR)
    prepare_execution(execution_id=execution.pk)
    first = Recipient.objects.order_by("contact_id")[0]
    Recipient.objects.filter(pk=first.pk).update(state=RecipientState.SKIPPED, reason=Reason.OPTED_OUT)
    Tally.objects.create(job_id=execution.job_id, state=RecipientState.PENDING, number=-1)
    Tally.objects.create(job_id=execution.job_id, state=RecipientState.SKIPPED, reason=Reason.OPTED_OUT, number=1)

    campaign_page = browser.get(change(execution.campaign))
    links = re.findall(r'href="([^"]+/people/\?state=80&amp;reason=1)"', campaign_page.content.decode())
    assert len(links) == 1 and "1 of 3 people" in text(campaign_page)
    people = text(browser.get(links[0].replace("&amp;", "&")))
    assert "Pessoa 0" in people and "asked to stop" in people and "Pessoa 1" not in people
    everybody = text(browser.get(reverse("admin:outreach_execution_people", args=(execution.pk,))))
    assert "Pessoa 0" in everybody and "Pessoa 2" in everybody

    file = browser.get(reverse("admin:outreach_execution_csv", args=(execution.pk,)))
    rows = b"".join(file.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert len(rows) == 4 and file["Content-Type"].startswith("text/csv")
    taken = AuditEntry.objects.get(action="read_personal_data")
    assert (taken.subject_id, taken.client_id, taken.after["what"]) == (execution.pk, agency.client.pk, "recipients")
    report = text(browser.get(reverse("admin:outreach_execution_change", args=(execution.pk,))))
    assert "33 % of targeted" in report and "No message has been reported as delivered yet." in report

    reader = make_person("rui", Role.READ_ONLY, agency.client, language="en")
    other = Browser()
    other.force_login(reader)
    masked = text(other.get(reverse("admin:outreach_execution_people", args=(execution.pk,))))
    assert "Pessoa 0" not in masked and "P. 0." in masked and "+5511910000000" not in masked
    assert other.get(reverse("admin:outreach_execution_csv", args=(execution.pk,))).status_code == 403
    assert other.post(do(execution.campaign, "pause")).status_code == 403
    assert Campaign.objects.get().state == CampaignState.RUNNING


def test_a_new_segment_begins_with_everybody() -> None:
    assert SegmentForm()["conditions"].value() == "{}", "the builder reads an object; null would leave the bare text"


def test_segments_are_built_and_shown(agency: Agency, browser: Browser) -> None:
    agency.people(2, tags=["vip"])
    agency.people(1)
    conditions = {"field": "tags", "op": "has", "value": "vip"}
    preview = reverse("admin:outreach_segment_preview")
    shown = text(browser.post(preview, {"client": agency.client.pk, "conditions": json.dumps(conditions)}))
    assert "2 contacts of Clínica Sol: tags include “vip”" in shown and "Pessoa 1" in shown
    assert "Not complete yet" in text(
        browser.post(preview, {"client": agency.client.pk, "conditions": '{"field": "x"}'})
    )
    assert "Not complete yet" in text(browser.post(preview, {"client": agency.client.pk, "conditions": "[" * 100_000}))
    foreign = Client.objects.create(name="Other", slug="other")
    assert "Choose a client first." in text(browser.post(preview, {"client": foreign.pk, "conditions": "{}"}))
    assert browser.get(preview).status_code == 405

    add = reverse("admin:outreach_segment_add")
    wrong = browser.post(add, {"client": agency.client.pk, "name": "VIP", "conditions": '{"field": "x"}'})
    assert "This is not understood" in text(wrong) and not Segment.objects.exists()
    browser.post(add, {"client": agency.client.pk, "name": "VIP", "conditions": json.dumps(conditions)})
    segment = Segment.objects.get()
    page = text(browser.get(reverse("admin:outreach_segment_change", args=(segment.pk,))))
    assert "2 contacts of Clínica Sol" in page
    browser.post(reverse("admin:outreach_segment_list_do", args=("usual",)), {"client": agency.client.pk})
    assert Segment.objects.count() == 4
    assert (
        browser.post(reverse("admin:outreach_segment_list_do", args=("usual",)), {"client": foreign.pk}).status_code
        == 200
    )
    assert Segment.objects.count() == 4


def test_totals_are_read_once_a_second(agency: Agency, django_assert_num_queries: Any) -> None:
    agency.people(2)
    execution = start_campaign(campaign_id=agency.campaign().pk, actor=ACTOR)
    prepare_execution(execution_id=execution.pk)
    first = live_execution(execution.pk)
    assert (first.funnel.targeted, first.prepared, first.ended) == (2, 100, False)
    with django_assert_num_queries(0):
        assert live_execution(execution.pk).funnel == first.funnel


def test_the_list_has_a_bounded_number_of_queries(
    agency: Agency, browser: Browser, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        agency.campaign(name=f"Campanha {number}")
    address = reverse("admin:outreach_campaign_changelist")
    with django_assert_max_num_queries(20):
        assert "Campanha 11" in text(browser.get(address))
    assert "Campanha 3" in text(browser.get(address, {"q": "campanha 3"}))
    assert "Campanha 4" not in text(browser.get(address, {"q": "campanha 3"}))


def test_nobody_reads_another_clients_campaign(agency: Agency, browser: Browser, manager: User) -> None:
    campaign = agency.campaign()
    ClientGrant.objects.filter(user=manager).delete()
    assert browser.get(change(campaign)).status_code in (302, 404)
    assert browser.post(do(campaign, "start")).status_code == 404
    assert Sender.objects.exists() and not Execution.objects.exists()


def test_a_paused_run_says_so(agency: Agency, browser: Browser) -> None:
    agency.people(1)
    segment = create_segment(client=agency.client, name="Todos", conditions={}, actor=ACTOR)
    campaign = agency.campaign(segment=segment)
    start_campaign(campaign_id=campaign.pk, actor=ACTOR)
    pause_campaign(campaign_id=campaign.pk, actor=ACTOR, why="typing error")
    page = text(browser.get(change(campaign)))
    assert "paused it : typing error" in page or "paused it: typing error" in page
    assert "Resume" in page and "Todos" in page


def test_a_closed_window_is_named(agency: Agency, browser: Browser) -> None:
    agency.people(1)
    today = timezone.now().astimezone(dt.timezone(dt.timedelta(hours=-3))).date()
    closed = [(today + dt.timedelta(days=day)).isoformat() for day in range(-1, 3)]
    execution = start_campaign(campaign_id=agency.campaign(policy={"blackout": closed}).pk, actor=ACTOR)
    prepare_execution(execution_id=execution.pk)
    opening = (today + dt.timedelta(days=3)).strftime("%m/%d/%Y")
    assert f"waits until {opening} midnight" in text(browser.get(change(execution.campaign)))


def test_the_message_is_shown_as_a_person_will_see_it(agency: Agency, browser: Browser) -> None:
    agency.people(1, attributes={"city": "Recife"})
    other = agency.people(1, name="Bia Rocha", attributes={"city": "Olinda"})[0]
    campaign = agency.campaign(variables={"offer.name": "bolo"})
    page = browser.get(change(campaign))
    assert "As Bia Rocha will see it" in text(page) and "Olá Bia, bolo em Olinda" in text(page)
    following = re.findall(r'href="(\?person=\d+)#or-message"', page.content.decode())
    assert "Olá Pessoa, bolo em Recife" in text(browser.get(change(campaign) + following[0]))

    TemplateVersion.objects.update(variables=[])
    Contact.objects.filter(pk=other.pk).update(attributes={})
    assert "This person would be skipped: nothing is known for “contact.attributes.city”" in text(
        browser.get(change(campaign))
    )
    reader = Browser()
    reader.force_login(make_person("rui", Role.READ_ONLY, agency.client, language="en"))
    masked = text(reader.get(change(campaign) + following[0]))
    assert "As P. 0. will see it" in masked and "Recife" not in masked


def test_a_run_tells_its_curve_its_senders_allowance_and_what_happened(agency: Agency, browser: Browser) -> None:
    cache.clear()
    agency.people(3)
    Sender.objects.filter(pk=agency.sender.pk).update(per_day=1_000)
    execution = start_campaign(campaign_id=agency.campaign().pk, actor=ACTOR)
    prepare_execution(execution_id=execution.pk)
    sent = Recipient.objects.filter(job=execution.job_id).order_by("pk")[:2]
    hour_ago = timezone.now() - dt.timedelta(minutes=3)
    Recipient.objects.filter(pk__in=[row.pk for row in sent]).update(state=RecipientState.SENT, sent_at=hour_ago)
    Tally.objects.create(job_id=execution.job_id, state=RecipientState.PENDING, number=-2)
    Tally.objects.create(job_id=execution.job_id, state=RecipientState.SENT, number=2)
    change_campaign_limits(
        campaign_id=execution.campaign_id, rate_per_hour=60, max_per_day=None, priority=9, actor=ACTOR
    )
    last = Recipient.objects.exclude(pk__in=[row.pk for row in sent]).get(job=execution.job_id)
    Recipient.objects.filter(pk=last.pk).update(
        state=RecipientState.LEASED,
        lease=1,
        sender=agency.sender,
        leased_until=timezone.now() - dt.timedelta(seconds=1),
    )
    assert settle_expired_leases() == {"unknown": 1}
    restrict_sender(sender_id=agency.sender.pk, why="token expired")

    limiter.rebuild([limiter.PastSends(agency.sender.pk, execution.job_id, int(time.time() * 1000), 2)], [])
    page = browser.get(change(execution.campaign))
    shown = text(page)
    for words in (
        "by minute, at most 2",
        "998 of 1,000 in 24 hours",
        "3 people in run 1",
        "the system changed its limits: in an hour none → 60, priority 3 → 9",
        "the system found that a sending process was lost with 1 message in hand: 1 unknown",
        "the system stopped Recepção: the provider refuses its credentials: token expired",
        "the system started it (run 1)",
    ):
        assert words in shown, words
    assert page.content.decode().count("<rect") == 8 * 2 + 1  # eight steps of the funnel and one minute
