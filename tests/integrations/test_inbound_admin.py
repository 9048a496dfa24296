"""The admin of inbound events: who sees what, replay, and lists that do not read bodies."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection as database
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from agency.kit.health import Health
from agency.models import AuditEntry, Client, ClientGrant, User
from agency.states import Role
from integrations.models import Connection, InboundEvent
from integrations.selectors.inbound_events import check_inbound_events, inbound_backlog, inbound_gauges
from integrations.states import InboundState
from tests.worlds import make_person

pytestmark = pytest.mark.django_db

LIST = reverse("admin:integrations_inboundevent_changelist")
BODY = {"from": "5581999990000", "profile": {"name": "Zuleica Prado"}, "count": 3}


@pytest.fixture
def client_record() -> Client:
    return Client.objects.create(name="Padaria Sol", slug="padaria-sol")


@pytest.fixture
def event(client_record: Client) -> InboundEvent:
    owner = Connection.objects.create(service="whatsapp_cloud", name="Linha Sol", client=client_record)
    return make_event(owner, state=InboundState.FAILED, error="the body is not a JSON object")


def make_event(owner: Connection, name: str = "abc123", **fields: Any) -> InboundEvent:
    return InboundEvent.objects.create(
        received_on=timezone.now().date(), service=owner.service, connection_id=owner.pk, provider_event_id=name,
        content_type="application/json", query="", body=json.dumps(BODY).encode(), **fields,
    )  # fmt: skip


def browser_of(person: User) -> Browser:
    browser = Browser()
    browser.force_login(person)
    return browser


def page(browser: Browser, event: InboundEvent) -> str:
    return browser.get(reverse("admin:integrations_inboundevent_change", args=(event.pk,))).content.decode()


def test_the_list_says_what_arrived_and_why_it_failed(event: InboundEvent) -> None:
    browser = browser_of(make_person("dora", Role.DIRECTOR))
    with CaptureQueriesContext(database) as queries:
        shown = browser.get(LIST).content.decode()
    for text in ("Linha Sol", "WhatsApp Cloud API", "the body is not a JSON object", "abc123"):
        assert text in shown
    about = [each["sql"] for each in queries if "integrations_inboundevent" in each["sql"]]
    assert all('"body"' not in sql for sql in about)
    for query, found in (("q=abc123", True), (f"q={event.pk}", True), ("q=abc", False), ("service=resend", False),
                         ("service=whatsapp_cloud", True), ("state__exact=3", True), ("state__exact=1", False)):  # fmt: skip
        assert ("the body is not a JSON object" in browser.get(f"{LIST}?{query}").content.decode()) is found, query


def test_bodies_are_for_those_who_may_read_them(event: InboundEvent, client_record: Client) -> None:
    director = page(browser_of(make_person("dora", Role.DIRECTOR)), event)
    assert "Zuleica Prado" in director and "5581999990000" in director
    tech = make_person("tina", Role.TECH)
    ClientGrant.objects.create(user=tech, client=client_record)
    masked = page(browser_of(tech), event)
    assert "Z. P." in masked and escape('"count": 3') in masked
    assert "Zuleica" not in masked and "5581999990000" not in masked
    manager = make_person("mara", Role.ACCOUNT_MANAGER)
    ClientGrant.objects.create(user=manager, client=client_record)
    hidden = page(browser_of(manager), event)
    assert "abc123" in hidden and "Z. P." not in hidden and "Zuleica" not in hidden


def test_events_of_other_clients_do_not_exist(event: InboundEvent) -> None:
    browser = browser_of(make_person("tina", Role.TECH))
    assert "abc123" not in browser.get(LIST).content.decode()
    assert browser.get(reverse("admin:integrations_inboundevent_change", args=(event.pk,))).status_code == 302
    replay = reverse("admin:integrations_inboundevent_change_do", args=(event.pk, "replay"))
    assert browser.post(replay).status_code == 404
    event.refresh_from_db()
    assert event.state == InboundState.FAILED


def test_replay_asks_once_and_calls_the_operation(event: InboundEvent, client_record: Client) -> None:
    tech = make_person("tina", Role.TECH)
    ClientGrant.objects.create(user=tech, client=client_record)
    browser = browser_of(tech)
    replay = reverse("admin:integrations_inboundevent_change_do", args=(event.pk, "replay"))
    assert replay in page(browser, event)
    assert browser.get(replay).status_code == 200
    assert browser.post(replay).status_code == 302
    event.refresh_from_db()
    assert (event.state, event.attempt, event.error) == (InboundState.RECEIVED, 0, None)
    entry = AuditEntry.objects.get(action="replay_inbound_event")
    assert (entry.actor, entry.client) == (tech.get_username(), client_record)
    assert replay not in page(browser, event)
    again = browser.post(replay)
    assert again.status_code == 200 and AuditEntry.objects.filter(action="replay_inbound_event").count() == 1


def test_all_dead_letters_that_one_sees_are_replayed_at_once(event: InboundEvent, client_record: Client) -> None:
    own, foreign = Connection.objects.get(pk=event.connection_id), Connection.objects.create(service="resend", name="X")
    others = [make_event(own, f"own-{n}", state=InboundState.FAILED, error="e") for n in range(2)]
    done = make_event(own, "done", state=InboundState.DONE)
    hidden = make_event(foreign, "hidden", state=InboundState.FAILED, error="e")
    browser = browser_of(make_person("tina", Role.TECH, client_record))
    answer = browser.post(reverse("admin:integrations_inboundevent_list_do", args=("replay-failed",)), follow=True)
    assert answer.status_code == 200
    states = dict(InboundEvent.objects.values_list("pk", "state"))
    assert [states[each.pk] for each in (event, *others)] == [InboundState.RECEIVED] * 3
    assert (states[done.pk], states[hidden.pk]) == (InboundState.DONE, InboundState.FAILED)
    entry = AuditEntry.objects.get(action="replay_failed_events")
    assert entry.after == {"state": "received", "number": 3, "last": others[-1].pk}


def test_a_reader_without_the_permission_cannot_replay(event: InboundEvent, client_record: Client) -> None:
    manager = make_person("mara", Role.ACCOUNT_MANAGER)
    ClientGrant.objects.create(user=manager, client=client_record)
    replay = reverse("admin:integrations_inboundevent_change_do", args=(event.pk, "replay"))
    assert browser_of(manager).post(replay).status_code == 403
    event.refresh_from_db()
    assert event.state == InboundState.FAILED


def test_the_backlog_in_numbers(event: InboundEvent) -> None:
    assert inbound_backlog() == (0, 1, 0.0)
    assert check_inbound_events().health == Health.DEGRADED
    owner = Connection.objects.get(pk=event.connection_id)
    make_event(owner, "waiting", received_at=timezone.now() - timedelta(seconds=90))
    waiting, failed, age = inbound_backlog()
    assert (waiting, failed) == (1, 1)
    assert 89 < age < 120
    assert check_inbound_events().health == Health.FAILED
    InboundEvent.objects.all().delete()
    assert check_inbound_events().health == Health.OK
    assert [sample.name for sample in inbound_gauges()] == [
        "inbound_waiting",
        "inbound_failed",
        "inbound_oldest_seconds",
    ]


def test_the_roles_know_the_permissions() -> None:
    for codename in ("read_inbound_body", "replay_inbound_event"):
        assert Permission.objects.get(codename=codename).content_type.app_label == "integrations"
