"""The admin of the clock: what it shows, what its buttons do, and who may."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse
from django.utils import timezone, translation

from agency.kit.schedules import declared_schedules
from agency.kit.slots import parse_rule
from agency.models import AuditEntry, User
from agency.states import Role
from automations.admin.words import rule_in_words
from automations.models import ScheduleRule, Slot
from automations.operations.lease import hold_lease
from automations.operations.sync import sync_schedules
from automations.selectors.schedules import changed_by_person, current_fields, periodic_tasks
from automations.states import SlotReason, SlotState

pytestmark = pytest.mark.django_db

SCHEDULES = reverse("admin:automations_schedulerule_changelist")
SLOTS = reverse("admin:automations_slot_changelist")
PRUNE, DISPATCH = "automations.prune_slots", "messaging.dispatch"


def browser_of(role: str) -> Browser:
    user = User.objects.create_user(f"{role}@example.com", f"{role}@example.com", password="irrelevant", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    browser = Browser()
    browser.force_login(user)
    return browser


@pytest.fixture
def tech() -> Browser:
    sync_schedules()
    return browser_of(Role.TECH)


def record(key: str) -> ScheduleRule:
    return ScheduleRule.objects.get(periodic_task__name=key)


def press(browser: Browser, key: str, button: str, **answers: str) -> str:
    address = reverse("admin:automations_schedulerule_change_do", args=(record(key).pk, button))
    answer = browser.post(address, {"why": "", **answers}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_list_shows_when_each_runs_in_a_bounded_number_of_queries(tech: Browser) -> None:
    Slot.objects.create(
        key=PRUNE,
        slot=timezone.now() - timedelta(seconds=61.5),
        nudged_at=timezone.now() - timedelta(seconds=60),
        task="x",
        queue="x",
        state=SlotState.DONE,
    )
    with CaptureQueriesContext(
        connection,
    ) as queries:
        page = tech.get(SCHEDULES, headers={"accept-language": "en"}).content.decode()
    assert "every day at 03:40" in page and "every second" in page and "1.5 s" in page
    assert all(declaration.key in page for declaration in declared_schedules())
    assert len(queries) <= 15
    for key in (PRUNE, DISPATCH):
        one = tech.get(reverse("admin:automations_schedulerule_change", args=(record(key).pk,)))
        assert (one.status_code, key in one.content.decode()) == (200, True)


def test_who_holds_the_lease_is_shown(tech: Browser) -> None:
    hold_lease(holder="host-a:17:ab12cd")
    assert "host-a:17:ab12cd" in tech.get(reverse("admin:automations_beatlease_changelist")).content.decode()


def test_a_change_in_the_admin_is_audited_marked_and_survives_a_sync(tech: Browser) -> None:
    page = press(
        tech, PRUNE, "change", rule="quarter-end 18:00", zone="UTC", missed="all", queue="bulk", why="year end"
    )
    assert changed_by_person(periodic_tasks().get(name=PRUNE)) == ("missed", "queue", "rule", "zone")
    assert "missed, queue, rule, zone" in page
    entry = AuditEntry.objects.get(action="schedule.change")
    assert (entry.actor, entry.why) == ("tech@example.com", "year end")
    sync_schedules()
    assert current_fields(periodic_tasks().get(name=PRUNE))["rule"] == "quarter-end 18:00"
    press(tech, PRUNE, "reset")
    assert changed_by_person(periodic_tasks().get(name=PRUNE)) == ()


def test_a_wrong_rule_is_refused_beside_its_field(tech: Browser) -> None:
    page = press(tech, PRUNE, "change", rule="sometimes", zone="UTC", missed="all", queue="bulk")
    assert "unknown rule" in page
    assert changed_by_person(periodic_tasks().get(name=PRUNE)) == ()


def test_switching_off_and_on_and_running_now(tech: Browser) -> None:
    press(tech, PRUNE, "disable", why="maintenance")
    assert periodic_tasks().get(name=PRUNE).enabled is False
    press(tech, PRUNE, "enable")
    assert periodic_tasks().get(name=PRUNE).enabled is True
    press(tech, DISPATCH, "interval", seconds="2")
    assert current_fields(periodic_tasks().get(name=DISPATCH))["interval"] == 2
    press(tech, PRUNE, "run", why="disk is full")
    slot = Slot.objects.get()
    assert (slot.key, slot.scope, slot.state, slot.reason) == (PRUNE, "manual", SlotState.DUE, SlotReason.STARTED)
    press(tech, DISPATCH, "run")
    assert Slot.objects.count() == 1
    actions = list(AuditEntry.objects.filter(actor="tech@example.com").order_by("id").values_list("action", flat=True))
    assert actions == [
        "schedule.disable",
        "schedule.enable",
        "schedule.change",
        "schedule.run",
        "schedule.run",
    ]


def test_a_missed_slot_is_visible_and_can_be_run_after_all(tech: Browser) -> None:
    slot = Slot.objects.create(
        key=PRUNE, slot=timezone.now(), task=PRUNE, queue="x", state=SlotState.MISSED, reason=SlotReason.LATE
    )
    assert PRUNE in tech.get(SLOTS, {"state__exact": "missed"}).content.decode()
    assert PRUNE in tech.get(SLOTS, {"q": "automations."}).content.decode()
    tech.post(reverse("admin:automations_slot_change_do", args=(slot.pk, "retry")), {"why": "needed"})
    slot.refresh_from_db()
    assert slot.state == SlotState.DUE


def test_only_who_operates_the_engine_may_change_it() -> None:
    sync_schedules()
    manager, agent = browser_of(Role.ACCOUNT_MANAGER), browser_of(Role.AGENT)
    address = reverse("admin:automations_schedulerule_change_do", args=(record(PRUNE).pk, "disable"))
    assert (manager.get(SCHEDULES).status_code, manager.post(address, {"why": ""}).status_code) == (200, 403)
    assert agent.get(SCHEDULES).status_code == 403
    assert agent.post(address, {"why": ""}).status_code in (403, 404)
    assert periodic_tasks().get(name=PRUNE).enabled is True


def test_the_pages_that_write_past_the_ledger_are_gone() -> None:
    for model in ("periodictask", "crontabschedule", "intervalschedule", "solarschedule", "clockedschedule"):
        with pytest.raises(NoReverseMatch):
            reverse(f"admin:django_celery_beat_{model}_changelist")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("cron 0 10,16 * * *", "every day at 10:00, 16:00"),
        ("cron 30 9 * * 1,0", "on Sun, Mon at 09:30"),
        ("cron */5 * * * *", "every 5 minutes"),
        ("cron 7 * * * *", "every hour at minute 7"),
        ("cron 0 8 5 * *", "on day 5 of each month at 08:00"),
        ("monthly last 08:00", "on the last day of each month at 08:00"),
        ("monthly 31 08:00", "on day 31 of each month at 08:00"),
        ("quarter-end 18:00", "on the last day of each quarter at 18:00"),
        ("once 2026-12-24T10:00", "once, on 2026-12-24 10:00"),
        ("cron 0 8 5 1 *", "cron 0 8 5 1 *"),
    ],
)
def test_rules_in_words(rule: str, words: str) -> None:
    with translation.override("en"):
        assert rule_in_words(parse_rule(rule)) == words
