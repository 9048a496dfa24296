"""A Beat in process with a clock that the test turns: the ledger, the lease and the database are the real ones."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models.functions import Now
from django_celery_beat.models import PeriodicTask

from agency.kit.schedules import Missed, ScheduleDeclaration
from automations.models import BeatLease, ScheduleRule, Slot
from automations.operations.lease import Hold, hold_lease
from automations.operations.schedules import write_fields
from automations.operations.settle import mark_published, settle_schedule
from automations.selectors.schedules import declared_fields, effective_rule, rule_signature
from automations.states import SlotState

KEY = "tests.report"


def at(text: str) -> datetime:
    """An instant from ISO text with offset."""
    return datetime.fromisoformat(text)


def holding(holder: str = "test") -> Hold:
    """Hold the lease, now."""
    hold = hold_lease(holder=holder)
    assert hold is not None
    return hold


def let_lease_run_out() -> None:
    """Do to the lease what time does."""
    BeatLease.objects.update(expires_at=Now())


def make_schedule(rule: str, zone: str, since: datetime, missed: Missed = Missed.SKIP) -> PeriodicTask:
    """A schedule that was created at `since`."""
    task = PeriodicTask(name=KEY)
    declaration = ScheduleDeclaration(key=KEY, task=KEY, queue="maintenance", rule=rule, zone=zone, missed=missed)
    beside = write_fields(task, declared_fields(declaration))
    signature = rule_signature(*effective_rule(task))
    ScheduleRule.objects.filter(pk=beside.pk).update(settled_until=since, settled_rule=signature)
    PeriodicTask.objects.filter(pk=task.pk).update(date_changed=since)
    return task


def edit(task: PeriodicTask, when: datetime, **change: object) -> None:
    """Save the schedule with changes, as if at `when`."""
    task = PeriodicTask.objects.get(pk=task.pk)
    zone = str(task.crontab.timezone)
    fields = {
        "task": KEY,
        "queue": "maintenance",
        "rule": "",
        "zone": zone,
        "interval": 0,
        "expires": 0,
        "missed": task.schedule_rule.missed,
        "kwargs": {},
        "description": "",
        "enabled": task.enabled,
    }
    crontab = task.crontab
    fields["rule"] = task.schedule_rule.rule or (
        f"cron {crontab.minute} {crontab.hour} {crontab.day_of_month} {crontab.month_of_year} {crontab.day_of_week}"
    )
    write_fields(task, fields | change)
    PeriodicTask.objects.filter(pk=task.pk).update(date_changed=when)


def look(task: PeriodicTask, now: datetime, *, broker: bool = True) -> list[datetime]:
    """Let Beat look once at `now`; returns the slots it published. Without a broker none is published."""
    fired: list[datetime] = []
    more = True
    while more:
        settled = settle_schedule(task_id=task.pk, now=now, hold=holding())
        more = settled.more
        if broker:
            mark_published(slot_ids=[nudge.slot_id for nudge in settled.nudges])
            fired.extend(nudge.slot for nudge in settled.nudges)
    return fired


def look_from(task: PeriodicTask, begin: datetime, end: datetime, every: timedelta) -> list[datetime]:
    """Let Beat look again and again; returns the slots it published."""
    fired: list[datetime] = []
    while begin <= end:
        fired.extend(look(task, begin))
        begin += every
    return fired


def ledger(state: SlotState) -> list[datetime]:
    """The slots of the test's schedule in one state, ascending."""
    return list(Slot.objects.filter(key=KEY, state=state).order_by("slot").values_list("slot", flat=True))


def local_times(slots: Sequence[datetime], zone: str) -> list[str]:
    """Slots as local texts with offset."""
    return [slot.astimezone(ZoneInfo(zone)).strftime("%d %H:%M%z") for slot in slots]
