"""What a person does with a schedule: switch it, change it, run it now, take it back to its declaration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput, OperationRefused
from agency.kit.queue import enqueue_after_commit
from agency.kit.slots import Cron, RuleError, as_cron, normal_rule_text, parse_rule
from agency.operations.audit import record_audit
from automations.models import ScheduleRule, Slot
from automations.operations.slots import RUN_TASK
from automations.selectors.schedules import current_fields, periodic_tasks, rule_beside
from automations.states import SlotReason

# What the crontab of a row says while a rule that no crontab can say stands beside it.
_DAILY = Cron("0", "0", "*", "*", "*")


@dataclass(frozen=True, slots=True)
class ScheduleChange:
    """What a person may change in a schedule with slots; the zone is an IANA name."""

    rule: str
    zone: str
    missed: str
    queue: str


def switch_schedule(*, actor: Actor, task_id: int, enabled: bool, why: str = "") -> PeriodicTask:
    """Switch a schedule on or off; slots that pass while it is off are settled by its policy when it is on again."""
    return _apply(actor, "schedule.enable" if enabled else "schedule.disable", task_id, {"enabled": enabled}, why)


def change_schedule(*, actor: Actor, task_id: int, change: ScheduleChange, why: str = "") -> PeriodicTask:
    """Change rule, zone, queue or policy from now on. Raises InvalidInput with a sentence for a wrong rule or zone."""
    try:
        rule = normal_rule_text(change.rule)
    except RuleError as error:
        raise InvalidInput("rule", str(error), field="rule") from error
    try:
        ZoneInfo(change.zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidInput(
            "zone", _("Unknown time zone; write one such as America/Sao_Paulo."), field="zone"
        ) from error
    return _apply(actor, "schedule.change", task_id, asdict(change) | {"rule": rule}, why)


def change_interval(*, actor: Actor, task_id: int, seconds: int, why: str = "") -> PeriodicTask:
    """Change how often an engine tick comes, in seconds (1 to 3600)."""
    if not 1 <= seconds <= 3600:
        raise InvalidInput("interval", _("An interval is 1 to 3600 seconds."), field="interval")
    return _apply(actor, "schedule.change", task_id, {"interval": seconds}, why)


def reset_schedule(*, actor: Actor, task_id: int, why: str = "") -> PeriodicTask:
    """Take a schedule back to its declaration, undoing what people changed."""
    task = periodic_tasks().get(pk=task_id)
    beside = rule_beside(task)
    if beside is None or not beside.declared:
        raise OperationRefused("not_declared", _("This schedule has no declaration to go back to."))
    return _apply(actor, "schedule.reset", task_id, beside.declared, why)


@transaction.atomic
def run_schedule_now(*, actor: Actor, task_id: int, why: str = "") -> Slot | None:
    """Run a schedule's task once, now, beside its slots; returns the ledger row, or None for an engine tick."""
    task = periodic_tasks().get(pk=task_id)
    record_audit(actor=actor, action="schedule.run", subject=task, why=why)
    if task.interval_id is not None:
        enqueue_after_commit(task.task)
        return None
    row = Slot.objects.create(
        key=task.name,
        scope="manual",
        slot=timezone.now(),
        task=task.task,
        queue=task.queue or "",
        kwargs=json.loads(task.kwargs or "{}"),
        reason=SlotReason.STARTED,
    )
    Slot.objects.filter(pk=row.pk).update(nudged_at=Now(), nudges=1)
    enqueue_after_commit(RUN_TASK, row.pk)
    return row


@transaction.atomic
def _apply(actor: Actor, action: str, task_id: int, change: Mapping[str, Any], why: str) -> PeriodicTask:
    task = periodic_tasks().select_for_update(of=("self",)).get(pk=task_id)
    before = current_fields(task)
    after = before | dict(change)
    if after == before:
        return task
    write_fields(task, after)
    changed = [name for name, value in after.items() if before[name] != value]
    record_audit(
        actor=actor,
        action=action,
        subject=task,
        before={name: before[name] for name in changed},
        after={name: after[name] for name in changed},
        why=why,
    )
    return task


def write_fields(task: PeriodicTask, fields: Mapping[str, Any]) -> ScheduleRule:
    """Make a task's row, and the rule beside it, say what the fields say; creates both where they are new."""
    task.task, task.queue = fields["task"], fields["queue"]
    task.kwargs, task.description = json.dumps(fields["kwargs"]), fields["description"]
    task.enabled, task.expire_seconds = fields["enabled"], fields["expires"] or None
    beyond = ""
    if fields["interval"]:
        task.crontab, task.interval = None, _interval(fields["interval"])
    else:
        rule = parse_rule(fields["rule"])
        cron = as_cron(rule)
        beyond = "" if cron else str(rule)
        task.interval, task.crontab = None, _crontab(cron or _DAILY, fields["zone"])
    task.save()
    beside, _created = ScheduleRule.objects.update_or_create(
        periodic_task=task, defaults={"rule": beyond, "missed": fields["missed"]}
    )
    task.schedule_rule = beside
    return beside


def _crontab(cron: Cron, zone: str) -> CrontabSchedule:
    wanted = {
        "minute": cron.minute,
        "hour": cron.hour,
        "day_of_month": cron.day_of_month,
        "month_of_year": cron.month,
        "day_of_week": cron.day_of_week,
        "timezone": zone,
    }
    return CrontabSchedule.objects.filter(**wanted).first() or CrontabSchedule.objects.create(**wanted)


def _interval(seconds: int) -> IntervalSchedule:
    wanted = {"every": seconds, "period": IntervalSchedule.SECONDS}
    return IntervalSchedule.objects.filter(**wanted).first() or IntervalSchedule.objects.create(**wanted)
