"""Turning declarations into rows, without undoing what people changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from agency.kit.actor import Actor
from agency.kit.schedules import ScheduleDeclaration, declared_schedules
from agency.operations.audit import record_audit
from automations.models import ScheduleRule
from automations.operations.schedules import write_fields
from automations.rules.merge import merged
from automations.selectors.schedules import (
    changed_by_person,
    current_fields,
    declared_fields,
    effective_rule,
    periodic_tasks,
    rule_beside,
    rule_signature,
)

# Two deployments at once sync one after the other.
_ONE_SYNC = "SELECT pg_advisory_xact_lock(hashtext('automations.sync_schedules'))"


@dataclass(slots=True)
class SyncReport:
    """The keys by what the sync did with them; `kept` are those where a person's change was left standing."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


@transaction.atomic
def sync_schedules() -> SyncReport:
    """Create, update or switch off the rows of all declared schedules; a removed declaration switches off, never deletes."""
    report = SyncReport()
    with connection.cursor() as cursor:
        cursor.execute(_ONE_SYNC)
    known = {task.name: task for task in periodic_tasks().select_for_update(of=("self",))}
    declarations = declared_schedules()
    for declaration in declarations:
        task = known.get(declaration.key)
        if task is None:
            _create(declaration)
            report.created.append(declaration.key)
        else:
            _update(task, declaration, report)
    declared = {declaration.key for declaration in declarations}
    for key, task in sorted(known.items()):
        beside = rule_beside(task)
        if key not in declared and beside is not None and beside.declared and beside.removed_at is None:
            _remove(task, beside)
            report.removed.append(key)
    return report


def _create(declaration: ScheduleDeclaration) -> None:
    fields = declared_fields(declaration)
    task = PeriodicTask(name=declaration.key)
    beside = write_fields(task, fields)
    _remember(task, beside, fields, settle_from_now=True)
    _audit("schedule.declare", task, {}, fields)


def _update(task: PeriodicTask, declaration: ScheduleDeclaration, report: SyncReport) -> None:
    fields = declared_fields(declaration)
    beside = rule_beside(task)
    base = beside.declared if beside else {}
    returns = beside is None or beside.removed_at is not None
    current = current_fields(task)
    wanted = merged(base, current, fields)
    if base != fields or wanted != current or returns:
        beside = write_fields(task, wanted)
        _remember(task, beside, fields, settle_from_now=returns)
    if wanted != current:
        report.updated.append(task.name)
        changed = [name for name, value in wanted.items() if current[name] != value]
        _audit(
            "schedule.declare",
            task,
            {name: current[name] for name in changed},
            {name: wanted[name] for name in changed},
        )
    else:
        report.unchanged.append(task.name)
    if wanted != fields:
        report.kept.append(task.name)


def _remove(task: PeriodicTask, beside: ScheduleRule) -> None:
    # A person who switched it on or off has the last word; the base says "off" so that a return switches it on again.
    base = {**beside.declared, "enabled": False}
    if "enabled" not in changed_by_person(task):
        task.enabled = False
        task.save()
        _audit("schedule.undeclare", task, {"enabled": True}, {"enabled": False})
    ScheduleRule.objects.filter(pk=beside.pk).update(declared=base, removed_at=timezone.now())


def _remember(task: PeriodicTask, beside: ScheduleRule, fields: dict[str, Any], *, settle_from_now: bool) -> None:
    change: dict[str, Any] = {"declared": fields, "removed_at": None}
    if settle_from_now and not fields["interval"]:
        change |= {"settled_until": timezone.now(), "settled_rule": rule_signature(*effective_rule(task))}
    ScheduleRule.objects.filter(pk=beside.pk).update(**change)


def _audit(action: str, task: PeriodicTask, before: dict[str, Any], after: dict[str, Any]) -> None:
    record_audit(actor=Actor.system("sync_schedules"), action=action, subject=task, before=before, after=after)
