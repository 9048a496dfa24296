"""Schedules as they stand: the rule in force, what a person changed, what comes next."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import QuerySet
from django_celery_beat.models import PeriodicTask

from agency.kit.schedules import ScheduleDeclaration, declared_schedules
from agency.kit.slots import Cron, Once, Rule, RuleError, next_slot, normal_rule_text, parse_rule
from automations.models import ScheduleRule
from automations.rules.merge import changed_fields


@dataclass(frozen=True, slots=True)
class ScheduleLine:
    """One schedule for people: when it runs next and last ran, and what differs from its declaration."""

    task: PeriodicTask
    rule_text: str
    zone: str
    next_run: datetime | None
    changed: tuple[str, ...]
    trouble: str = ""


def periodic_tasks() -> QuerySet[PeriodicTask]:
    """Every periodic task with what stands beside it, in one query."""
    tasks: QuerySet[PeriodicTask] = PeriodicTask.objects.all()
    return tasks.select_related("crontab", "interval", "clocked", "solar", "schedule_rule")


def rule_beside(task: PeriodicTask) -> ScheduleRule | None:
    """Return the task's schedule rule, or None for a row that nobody declared."""
    beside: ScheduleRule | None = getattr(task, "schedule_rule", None)
    return beside


def interval_of(task: PeriodicTask) -> timedelta | None:
    """Return the interval of an engine tick, None for a schedule with slots."""
    if task.interval is None:
        return None
    return timedelta(**{task.interval.period: task.interval.every})


def effective_rule(task: PeriodicTask) -> tuple[Rule, ZoneInfo]:
    """Return the rule in force and its zone; raise RuleError for a row that cannot have slots."""
    beside = rule_beside(task)
    if task.crontab is not None:
        zone = ZoneInfo(str(task.crontab.timezone))
        if beside is not None and beside.rule:
            return parse_rule(beside.rule), zone
        crontab = task.crontab
        fields = (crontab.minute, crontab.hour, crontab.day_of_month, crontab.month_of_year, crontab.day_of_week)
        return Cron(*("".join(field.split()) for field in fields)), zone
    if task.clocked is not None:
        return Once(task.clocked.clocked_time.astimezone(UTC).replace(tzinfo=None)), ZoneInfo("UTC")
    raise RuleError("only intervals, crontabs and clock times can be followed")


def rule_signature(rule: Rule, zone: ZoneInfo) -> str:
    """Return the text under which the ledger remembers a rule in force; `rule_of_signature` reads it."""
    return f"{zone.key} {rule}"


def rule_of_signature(signature: str) -> tuple[Rule, ZoneInfo]:
    """Read `rule_signature`'s text back."""
    zone, _, rule = signature.partition(" ")
    return parse_rule(rule), ZoneInfo(zone)


def declared_fields(declaration: ScheduleDeclaration) -> dict[str, Any]:
    """Return a declaration as the fields that a sync merges, in the one spelling that the database keeps."""
    return {
        "task": declaration.task,
        "queue": declaration.queue,
        "rule": "" if declaration.tick else normal_rule_text(declaration.rule),
        "zone": "" if declaration.tick else declaration.zone or settings.TIME_ZONE,
        "interval": int(declaration.interval),
        "expires": declaration.expires,
        "missed": declaration.missed.value,
        "kwargs": dict(declaration.kwargs),
        "description": declaration.description,
        "enabled": True,
    }


def current_fields(task: PeriodicTask) -> dict[str, Any]:
    """Return the same fields as they stand in the database."""
    beside = rule_beside(task)
    interval = interval_of(task)
    rule, zone = "", ""
    if interval is None:
        found, where = effective_rule(task)
        rule, zone = str(found), where.key
    return {
        "task": task.task,
        "queue": task.queue or "",
        "rule": rule,
        "zone": zone,
        "interval": int(interval.total_seconds()) if interval else 0,
        "expires": task.expire_seconds or 0,
        "missed": beside.missed if beside else "",
        "kwargs": json.loads(task.kwargs or "{}"),
        "description": task.description,
        "enabled": task.enabled,
    }


def changed_by_person(task: PeriodicTask) -> tuple[str, ...]:
    """Return the names of the fields that differ from the declaration applied last."""
    beside = rule_beside(task)
    try:
        return changed_fields(beside.declared, current_fields(task)) if beside else ()
    except RuleError:
        return ("rule",)


def schedule_lines(tasks: Iterable[PeriodicTask], now: datetime) -> list[ScheduleLine]:
    """Describe schedules for a list; one that cannot be followed says why instead of when."""
    return [_line(task, now) for task in tasks]


def schedules_out_of_step() -> tuple[str, ...]:
    """Return the keys for which `sync_schedules` would change something: declared and absent, changed, or removed."""
    known = {task.name: task for task in periodic_tasks()}
    declared = {declaration.key: declaration for declaration in declared_schedules()}
    wrong = {key for key in declared if key not in known}
    for key, task in known.items():
        beside = rule_beside(task)
        if beside is None:
            continue
        if key not in declared:
            if beside.declared and beside.removed_at is None:
                wrong.add(key)
        elif beside.declared != declared_fields(declared[key]):
            wrong.add(key)
    return tuple(sorted(wrong))


def _line(task: PeriodicTask, now: datetime) -> ScheduleLine:
    interval = interval_of(task)
    if interval is not None:
        last = task.last_run_at or now
        return ScheduleLine(task, "", "", last + interval if task.enabled else None, changed_by_person(task))
    try:
        rule, zone = effective_rule(task)
        following = next_slot(rule, zone, now) if task.enabled else None
        return ScheduleLine(task, str(rule), zone.key, following, changed_by_person(task))
    except (RuleError, ValueError) as error:
        return ScheduleLine(task, "", "", None, (), trouble=str(error))
