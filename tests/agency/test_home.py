"""The home page: each line for whoever may see it, numbers from totals, a part that breaks harms nothing else."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override

from agency.admin import home
from agency.kit import home as kit_home
from agency.kit.actor import Actor
from agency.kit.home import Need
from agency.models import User
from agency.states import Role
from automations.models import Slot
from automations.states import SlotState
from campaigns.outreach.models import Campaign, Execution
from campaigns.outreach.states import CampaignState, ExecutionState
from integrations.health import Health, HealthState
from integrations.models import Connection
from integrations.operations.health import record_health
from messaging.models import ContactImport, JobTotal, Sender, SendJob, Tally
from messaging.states import ImportState, Reason, RecipientState, SenderState
from tests.worlds import World, make_person, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


@pytest.fixture
def troubled() -> World:
    """A client where everything needs somebody."""
    world = make_world()
    with override("en"):  # an alert is written in the language of whoever raises it, and Beat's is the agency's
        record_health(
            actor=Actor.system("test"),
            connection_id=Connection.objects.get().pk,
            health=Health(HealthState.FAILED, "The key was refused."),
        )
    Sender.objects.update(state=SenderState.RESTRICTED, state_why="bad quality")
    ContactImport.objects.update(state=ImportState.FAILED, error="protected by a password")
    Campaign.objects.update(state=CampaignState.PAUSED)
    Execution.objects.update(state=ExecutionState.FAILED, error="no audience")
    JobTotal.objects.create(
        job_id=world.execution.job_id, state=RecipientState.FAILED, reason=Reason.ATTEMPTS_EXHAUSTED, number=1_234
    )
    Slot.objects.create(
        key="k", slot=timezone.now() - timedelta(hours=1), task="t", queue="beat", state=SlotState.MISSED
    )
    return world


def page_of(user: User, address: str = "/admin/") -> str:
    browser = Browser(headers={"Accept-Language": "en"})
    browser.force_login(user)
    answer = browser.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_everything_that_needs_somebody_is_said_once_with_a_link(troubled: World) -> None:
    page = page_of(make_person("dora", Role.DIRECTOR))
    for words in (
        "Connection Zanzibar line does not work",
        "The key was refused.",
        "Sender Zanzibar sender was stopped",
        "The import of Zanzibar.csv failed",
        "protected by a password",
        "Run 1 of Zanzibar campaign failed",
        "1,234 messages were given up",
        "1 webhook could not be applied",
        "Zanzibar campaign is paused",
        "1 scheduled time was missed in 24 hours",
        "Zanzibar is quiet",
    ):
        assert page.count(words) == 1, words
    assert '<span class="bt-count">9</span>' in page
    assert '<a href="/admin/messaging/deadletter/">1,234' in page


def test_each_role_is_told_only_what_it_may_see_and_mend(troubled: World) -> None:
    agent = page_of(make_person("ag", Role.AGENT, troubled.client))
    assert "Sender Zanzibar sender was stopped" in agent
    assert "Connection Zanzibar" not in agent
    assert "were given up" not in agent
    assert "was missed" not in agent
    other = make_world("other", "Other").client
    manager = page_of(make_person("ana", Role.ACCOUNT_MANAGER, other))
    assert "Zanzibar" not in manager
    assert "1 webhook could not be applied" in manager  # the other client's own


def test_numbers_come_from_totals_and_say_what_they_are_of(troubled: World) -> None:
    job, now = troubled.execution.job_id, timezone.now()
    JobTotal.objects.all().delete()
    for state, number in (("SENT", 10), ("DELIVERED", 60), ("READ", 20), ("REPLIED", 9), ("FAILED", 1)):
        JobTotal.objects.create(job_id=job, state=RecipientState[state], number=number)
    Tally.objects.create(job_id=job, state=RecipientState.REPLIED, number=1)  # not folded yet
    old_job = SendJob.objects.create(client=troubled.client, kind=1, channel=1)
    old = Execution.objects.create(campaign=troubled.campaign, number=2, job=old_job, state=ExecutionState.COMPLETED)
    Execution.objects.filter(pk=old.pk).update(started_at=now - timedelta(days=8))
    JobTotal.objects.create(job_id=old_job.pk, state=RecipientState.DELIVERED, number=40)
    JobTotal.objects.create(job_id=old_job.pk, state=RecipientState.SENT, number=10)
    director = make_person("dora", Role.DIRECTOR)
    with CaptureQueriesContext(connection) as queries:
        page = " ".join(page_of(director).split())
    assert not [query for query in queries if "messaging_recipient" in query["sql"]]
    for words in (
        'Sent</dt> <dd class="bt-value">100</dd> <dd class="bt-quiet">of 101 people in 1 run</dd>',
        "50 in the 7 days before",
        'Delivered</dt> <dd class="bt-value">90.0 %</dd> <dd class="bt-quiet">of 100 sent</dd>',
        "up 10.0 points from 80.0 %",
        'Replied</dt> <dd class="bt-value">11.1 %</dd> <dd class="bt-quiet">of 90 delivered</dd>',
        'Failed</dt> <dd class="bt-value">1.0 %</dd> <dd class="bt-quiet">of 101 people</dd>',
    ):
        assert words in page, words


def test_what_runs_has_a_bar_and_what_is_due_a_time(troubled: World, monkeypatch: pytest.MonkeyPatch) -> None:
    Execution.objects.update(state=ExecutionState.RUNNING)
    SendJob.objects.update(audience_complete=True)
    JobTotal.objects.create(job_id=troubled.execution.job_id, state=RecipientState.PENDING, number=1_234)
    ContactImport.objects.update(state=ImportState.RUNNING, percent=43, rows=41_000)
    director = make_person("dora", Role.DIRECTOR)
    with monkeypatch.context() as patch:
        patch.setattr("campaigns.outreach.selectors.live._rate", lambda marks: 20.0)
        page = page_of(director, "/admin/home/moving/")
    assert "20 a second" in page
    assert re.search(r"about \d+ seconds left", page)
    assert 'value="50.0" aria-label="Zanzibar campaign"' in page
    assert "1,234 of 2,468 people" in page
    assert 'value="43" aria-label="Import of Zanzibar.csv"' in page
    assert "41,000 rows" in page


def test_an_empty_home_says_what_would_stand_there() -> None:
    page = page_of(make_person("dora", Role.DIRECTOR))
    assert "Nothing. Failing connections" in page
    assert page_of(make_person("ro", Role.READ_ONLY)).count("Nothing moves.") == 1
    assert "Last 7 days" not in page


def test_a_source_that_breaks_is_left_out(
    troubled: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(user: Any) -> list[Need]:
        raise RuntimeError("no")

    monkeypatch.setattr(kit_home, "_needs", [broken, *kit_home._needs])
    assert "Sender Zanzibar sender was stopped" in page_of(make_person("dora", Role.DIRECTOR))
    assert "a source of the home page failed" in caplog.text


def test_the_system_is_told_in_detail_to_whoever_keeps_it_running(monkeypatch: pytest.MonkeyPatch) -> None:
    tech = page_of(make_person("tec", Role.TECH), "/admin/home/system/")
    assert "PostgreSQL 18" in tech
    assert "nothing consumes: beat, bulk" in tech
    assert "→ Start the workers" in tech
    analyst = page_of(make_person("an", Role.ANALYST), "/admin/home/system/")
    assert "PostgreSQL 18" not in analyst
    assert "Something does not work:" in analyst
    monkeypatch.setattr(home, "run_checks", dict)
    cache.clear()
    assert "Everything works." in page_of(make_person("an2", Role.ANALYST), "/admin/home/system/")


def test_the_sidebar_holds_what_the_reader_may_see(troubled: World) -> None:
    director = page_of(make_person("dora", Role.DIRECTOR))
    agent = page_of(make_person("ag", Role.AGENT, troubled.client))
    assert '<a href="/admin/outreach/campaign/"' in director
    assert '<a href="/admin/outreach/campaign/"' not in agent
    assert '<a href="/admin/messaging/suppression/"' in agent
    assert 'data-go="m"' in page_of(User.objects.get(username="dora"), "/admin/home/keys/")
    assert 'data-go="m"' not in page_of(User.objects.get(username="ag"), "/admin/home/keys/")


def test_each_key_leads_to_one_page(settings: Any) -> None:
    keys = [page.key for _title, pages in settings.NAVIGATION for page in pages if page.key]
    assert len(keys) == len(set(keys))
    assert not {"g", "/", "?"} & set(keys)


def test_browsers_find_an_icon(client: Browser) -> None:
    answer = client.get("/favicon.ico")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/static/agency/favicon.ico")
    icon = b"".join(client.get("/static/agency/favicon.ico"))
    assert icon.startswith(b"\x00\x00\x01\x00")
