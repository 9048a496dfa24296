"""Declarations become rows; what a person changed survives, and is marked."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from celery import current_app
from django_celery_beat.models import PeriodicTask

from agency.kit import schedules as registry
from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput
from agency.kit.schedules import Missed, ScheduleDeclaration, declare_schedule, declared_schedules
from agency.models import AuditEntry
from automations.models import ScheduleRule
from automations.operations.schedules import ScheduleChange, change_schedule, reset_schedule, switch_schedule
from automations.operations.sync import sync_schedules
from automations.selectors.schedules import changed_by_person, current_fields, periodic_tasks, schedules_out_of_step

pytestmark = pytest.mark.django_db

KEY, TICK = "tests.report", "tests.pulse"
PERSON = Actor(label="ana", user_id=1)
REPORT = ScheduleDeclaration(
    key=KEY,
    task="tests.send_report",
    queue="maintenance",
    rule="daily 10:00",
    zone="America/Sao_Paulo",
    missed=Missed.LATEST,
    description="Sends the report.",
)
PULSE = ScheduleDeclaration(key=TICK, task="tests.beat_pulse", queue="critical", interval=10, expires=2)


@pytest.fixture(autouse=True)
def declared(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ScheduleDeclaration]]:
    """Only these two schedules are declared."""
    known = {KEY: REPORT, TICK: PULSE}
    monkeypatch.setattr(registry, "_declared", known)
    yield known


def report() -> PeriodicTask:
    return periodic_tasks().get(name=KEY)


def test_a_declaration_becomes_a_row_once() -> None:
    assert schedules_out_of_step() == (TICK, KEY)
    first = sync_schedules()
    assert first.created == [TICK, KEY]
    row = report()
    assert (row.task, row.queue, row.enabled, str(row.crontab)) == (
        "tests.send_report",
        "maintenance",
        True,
        "0 10 * * * (m/h/dM/MY/d) America/Sao_Paulo",
    )
    assert (row.schedule_rule.missed, row.schedule_rule.rule) == ("latest", "")
    tick = periodic_tasks().get(name=TICK)
    assert (tick.interval.every, tick.interval.period, tick.expire_seconds, tick.queue) == (
        10,
        "seconds",
        2,
        "critical",
    )
    settled = row.schedule_rule.settled_until
    second = sync_schedules()
    assert (second.created, second.updated, second.unchanged) == ([], [], [TICK, KEY])
    assert report().schedule_rule.settled_until == settled
    assert schedules_out_of_step() == ()


def test_a_persons_change_survives_a_new_declaration_field_by_field(declared: dict[str, ScheduleDeclaration]) -> None:
    sync_schedules()
    change = ScheduleChange(rule="monthly last 08:00", zone="America/Santiago", missed="latest", queue="maintenance")
    change_schedule(actor=PERSON, task_id=report().pk, change=change, why="month-end close")
    assert changed_by_person(report()) == ("rule", "zone")
    entry = AuditEntry.objects.get(action="schedule.change")
    assert entry.before == {"rule": "cron 0 10 * * *", "zone": "America/Sao_Paulo"}
    assert (entry.actor, entry.why, entry.after["rule"]) == ("ana", "month-end close", "monthly last 08:00")

    declared[KEY] = replace(REPORT, rule="daily 11:00", missed=Missed.ALL, queue="bulk")
    assert schedules_out_of_step() == (KEY,)
    outcome = sync_schedules()
    assert (outcome.updated, outcome.kept) == ([KEY], [KEY])
    fields = current_fields(report())
    assert (fields["rule"], fields["zone"], fields["missed"], fields["queue"]) == (
        "monthly last 08:00",
        "America/Santiago",
        "all",
        "bulk",
    )
    assert changed_by_person(report()) == ("rule", "zone")

    reset_schedule(actor=PERSON, task_id=report().pk)
    assert (current_fields(report())["rule"], changed_by_person(report())) == ("cron 0 11 * * *", ())


def test_a_schedule_switched_off_by_a_person_stays_off() -> None:
    sync_schedules()
    switch_schedule(actor=PERSON, task_id=report().pk, enabled=False, why="holiday")
    assert sync_schedules().kept == [KEY]
    assert (report().enabled, changed_by_person(report())) == (False, ("enabled",))


def test_a_removed_declaration_switches_off_and_its_return_switches_on(
    declared: dict[str, ScheduleDeclaration],
) -> None:
    sync_schedules()
    settled = report().schedule_rule.settled_until
    del declared[KEY]
    assert schedules_out_of_step() == (KEY,)
    assert sync_schedules().removed == [KEY]
    assert (report().enabled, report().schedule_rule.removed_at is None) == (False, False)
    assert (sync_schedules().removed, schedules_out_of_step()) == ([], ())
    declared[KEY] = REPORT
    assert sync_schedules().updated == [KEY]
    assert (report().enabled, report().schedule_rule.removed_at) == (True, None)
    # What passed while it was not declared was nobody's to run.
    assert report().schedule_rule.settled_until > settled


def test_a_person_may_keep_a_removed_schedule_running(declared: dict[str, ScheduleDeclaration]) -> None:
    sync_schedules()
    del declared[KEY]
    sync_schedules()
    switch_schedule(actor=PERSON, task_id=report().pk, enabled=True)
    sync_schedules()
    assert report().enabled is True


@pytest.mark.parametrize(
    ("rule", "zone", "field"), [("every day", "UTC", "rule"), ("daily 10:00", "Mars/Olympus", "zone")]
)
def test_a_wrong_change_is_refused_and_changes_nothing(rule: str, zone: str, field: str) -> None:
    sync_schedules()
    before = current_fields(report())
    with pytest.raises(InvalidInput) as refused:
        change_schedule(
            actor=PERSON, task_id=report().pk, change=ScheduleChange(rule, zone, missed="skip", queue="bulk")
        )
    assert refused.value.field == field
    assert current_fields(report()) == before
    assert not AuditEntry.objects.filter(action="schedule.change").exists()


def test_two_different_declarations_under_one_key_are_an_error() -> None:
    with pytest.raises(ValueError, match="declared twice"):
        declare_schedule(KEY, "tests.other", queue="bulk", rule="daily 10:00")
    with pytest.raises(ValueError, match="only ticks have an interval"):
        declare_schedule("tests.new", "tests.other", queue="bulk", interval=5)
    with pytest.raises(ValueError, match="interval of whole seconds"):
        declare_schedule("tests.new", "tests.other", queue="bulk", interval=0.5, tick=True)


def test_every_declared_schedule_names_a_registered_task_a_queue_and_a_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    current_app.loader.import_default_modules()
    queues = {queue.name for queue in current_app.conf.task_queues}
    assert "automations.prune_slots" in {declaration.key for declaration in declared_schedules()}
    for declaration in declared_schedules():
        assert declaration.task in current_app.tasks, declaration.key
        assert declaration.queue in queues, declaration.key
    report = sync_schedules()
    assert report.created == [declaration.key for declaration in declared_schedules()]
    assert ScheduleRule.objects.count() == len(report.created)
