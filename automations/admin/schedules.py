"""Schedules: when each runs next and ran last, how late, what a person changed; run now, change, switch off."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agency.admin.base import RecordAdmin
from agency.admin.buttons import ButtonForm, OperationButton
from agency.admin.forms import OptionalWhyForm, why_field
from agency.kit.actor import Actor
from agency.kit.slots import RULE_FORMS, RuleError
from agency.rules.roles import OPERATE_ENGINE
from automations.admin.words import interval_in_words, lateness, rule_in_words
from automations.models import ScheduleRule
from automations.models.schedule_rule import MissedPolicy
from automations.operations.schedules import (
    ScheduleChange,
    change_interval,
    change_schedule,
    reset_schedule,
    run_schedule_now,
    switch_schedule,
)
from automations.selectors.schedules import (
    changed_by_person,
    current_fields,
    effective_rule,
    interval_of,
    schedule_lines,
)
from automations.selectors.visible import visible_schedules


class RuleForm(ButtonForm):
    """When it runs, and what becomes of slots that nothing could run."""

    rule = forms.CharField(label=gettext_lazy("Rule"), max_length=900, help_text=RULE_FORMS)
    zone = forms.CharField(label=gettext_lazy("Time zone"), max_length=60)
    missed = forms.ChoiceField(label=gettext_lazy("Missed slots"), choices=MissedPolicy.choices)
    queue = forms.ChoiceField(label=gettext_lazy("Queue"), choices=[(name, name) for name in settings.QUEUES])
    why = why_field()

    def narrow(self) -> None:
        """Begin with what holds now."""
        if isinstance(self.record, ScheduleRule):
            now = current_fields(self.record.periodic_task)
            for name in ("rule", "zone", "missed", "queue"):
                self.fields[name].initial = now[name]


class IntervalForm(ButtonForm):
    """How often a tick comes."""

    seconds = forms.IntegerField(label=gettext_lazy("Seconds"), min_value=1, max_value=3600)
    why = why_field()

    def narrow(self) -> None:
        """Begin with what holds now."""
        if isinstance(self.record, ScheduleRule):
            self.fields["seconds"].initial = current_fields(self.record.periodic_task)["interval"]


def _run(actor: Actor, record: ScheduleRule, answers: Mapping[str, Any]) -> str:
    run_schedule_now(actor=actor, task_id=record.periodic_task_id, why=answers["why"])
    return _("It was started; its slots stay as they are.")


def _switch_on(actor: Actor, record: ScheduleRule, answers: Mapping[str, Any]) -> str:
    switch_schedule(actor=actor, task_id=record.periodic_task_id, enabled=True, why=answers["why"])
    return _("The schedule is on.")


def _switch_off(actor: Actor, record: ScheduleRule, answers: Mapping[str, Any]) -> str:
    switch_schedule(actor=actor, task_id=record.periodic_task_id, enabled=False, why=answers["why"])
    return _("The schedule is off.")


def _change(actor: Actor, record: ScheduleRule, answers: Mapping[str, Any]) -> str:
    change = ScheduleChange(
        rule=answers["rule"], zone=answers["zone"], missed=answers["missed"], queue=answers["queue"]
    )
    change_schedule(actor=actor, task_id=record.periodic_task_id, change=change, why=answers["why"])
    return _("The change holds from now on, also after the next deployment.")


def _change_interval(actor: Actor, record: ScheduleRule, answers: Mapping[str, Any]) -> str:
    change_interval(actor=actor, task_id=record.periodic_task_id, seconds=answers["seconds"], why=answers["why"])
    return _("The change holds from now on, also after the next deployment.")


def _reset(actor: Actor, record: ScheduleRule, answers: Mapping[str, Any]) -> str:
    reset_schedule(actor=actor, task_id=record.periodic_task_id, why=answers["why"])
    return _("The schedule is again as the code declares it.")


def _off_warning(record: ScheduleRule) -> str:
    if is_tick(record):
        return _("The engine stops doing this work until it is switched on again.")
    policy = MissedPolicy(record.missed).label
    return _("Slots that pass while it is off are settled when it is on again: %(policy)s.") % {"policy": policy}


def is_tick(record: ScheduleRule) -> bool:
    """True for an engine tick."""
    return record.periodic_task.interval_id is not None


def _changed(record: ScheduleRule) -> bool:
    return bool(changed_by_person(record.periodic_task))


@admin.register(ScheduleRule)
class ScheduleAdmin(RecordAdmin):
    """What runs by itself, and when."""

    visible_to = staticmethod(visible_schedules)
    list_select_related = ("periodic_task",)
    list_display = ("key", "when", "on", "next_run", "last_run", "late", "missed", "changed")
    list_filter = ("periodic_task__enabled", "missed")
    ordering = ("periodic_task__name",)
    fields = (
        ("key", "on"),
        ("when", "zone"),
        ("next_run", "last_run", "late"),
        ("task", "queue", "missed"),
        ("changed", "removed_at"),
        "declared",
    )
    readonly_fields = (
        "key",
        "when",
        "zone",
        "on",
        "next_run",
        "last_run",
        "late",
        "task",
        "queue",
        "missed",
        "changed",
        "removed_at",
        "declared",
    )
    buttons = (
        OperationButton("run", gettext_lazy("Run now"), OPERATE_ENGINE, run=_run, form=OptionalWhyForm),
        OperationButton(
            "change",
            gettext_lazy("Change"),
            OPERATE_ENGINE,
            run=_change,
            form=RuleForm,
            shown=lambda record: not is_tick(record),
        ),
        OperationButton(
            "interval", gettext_lazy("Change"), OPERATE_ENGINE, run=_change_interval, form=IntervalForm, shown=is_tick
        ),
        OperationButton(
            "enable",
            gettext_lazy("Switch on"),
            OPERATE_ENGINE,
            run=_switch_on,
            form=OptionalWhyForm,
            shown=lambda record: not record.periodic_task.enabled,
        ),
        OperationButton(
            "disable",
            gettext_lazy("Switch off"),
            OPERATE_ENGINE,
            run=_switch_off,
            form=OptionalWhyForm,
            warning=_off_warning,
            shown=lambda record: bool(record.periodic_task.enabled),
        ),
        OperationButton(
            "reset",
            gettext_lazy("Back to the declaration"),
            OPERATE_ENGINE,
            run=_reset,
            form=OptionalWhyForm,
            shown=_changed,
        ),
    )

    @admin.display(description=gettext_lazy("schedule"), ordering="periodic_task__name")
    def key(self, record: ScheduleRule) -> str:
        """Its name, in code, ledger and logs."""
        return str(record.periodic_task.name)

    @admin.display(description=gettext_lazy("when"))
    def when(self, record: ScheduleRule) -> str:
        """Its rule in words."""
        interval = interval_of(record.periodic_task)
        if interval is not None:
            return interval_in_words(interval)
        try:
            return rule_in_words(effective_rule(record.periodic_task)[0])
        except RuleError as error:
            return str(error)

    @admin.display(description=gettext_lazy("time zone"))
    def zone(self, record: ScheduleRule) -> str:
        """Where its local times are."""
        return schedule_lines([record.periodic_task], timezone.now())[0].zone or "-"

    @admin.display(description=gettext_lazy("on"), boolean=True, ordering="periodic_task__enabled")
    def on(self, record: ScheduleRule) -> bool:
        """Whether Beat follows it."""
        return bool(record.periodic_task.enabled)

    @admin.display(description=gettext_lazy("next run"))
    def next_run(self, record: ScheduleRule) -> datetime | None:
        """Its next slot or tick."""
        return schedule_lines([record.periodic_task], timezone.now())[0].next_run

    @admin.display(description=gettext_lazy("last run"), ordering="periodic_task__last_run_at")
    def last_run(self, record: ScheduleRule) -> datetime | None:
        """When Beat fired it last."""
        last: datetime | None = record.periodic_task.last_run_at
        return last

    @admin.display(description=gettext_lazy("late by"))
    def late(self, record: ScheduleRule) -> str:
        """How late its last slot was published."""
        return lateness(getattr(record, "drift", None))

    @admin.display(description=gettext_lazy("task"))
    def task(self, record: ScheduleRule) -> str:
        """The task that it calls."""
        return str(record.periodic_task.task)

    @admin.display(description=gettext_lazy("queue"))
    def queue(self, record: ScheduleRule) -> str:
        """Where its messages go."""
        return record.periodic_task.queue or "-"

    @admin.display(description=gettext_lazy("changed by a person"))
    def changed(self, record: ScheduleRule) -> str:
        """Which fields differ from the declaration."""
        return ", ".join(changed_by_person(record.periodic_task)) or "-"
