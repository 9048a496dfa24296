"""What the clock puts on the home page: times that were missed, schedules that are due today."""

import datetime as dt
from collections.abc import Iterable

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from agency.admin.words import number
from agency.kit.home import Mover, Need, Tone, register_movers, register_needs
from agency.models import User
from agency.rules.roles import OPERATE_ENGINE
from automations.admin.words import rule_in_words
from automations.selectors.beat import beat_state
from automations.selectors.schedules import effective_rule, interval_of, schedule_lines
from automations.selectors.visible import visible_schedules
from automations.states import SlotState


def needs(user: User) -> Iterable[Need]:
    """Slots of the last 24 hours that nobody ran, or that never ended."""
    if not user.has_perm("automations.view_slot"):
        return
    state = beat_state()
    if state.failed:
        words = ngettext(
            "%(number)s scheduled task failed in 24 hours",
            "%(number)s scheduled tasks failed in 24 hours",
            state.failed,
        )
        why = _("It was tried as often as allowed. See its last error; it can be run after all.")
        yield _slots(SlotState.FAILED, words % {"number": number(state.failed)}, why, Tone.BROKEN)
    if state.missed:
        words = ngettext(
            "%(number)s scheduled time was missed in 24 hours",
            "%(number)s scheduled times were missed in 24 hours",
            state.missed,
        )
        why = _("Nothing could run it then, and its rule makes none up. It can be run after all.")
        yield _slots(SlotState.MISSED, words % {"number": number(state.missed)}, why, Tone.LOOK)


def _slots(state: SlotState, title: str, text: str, tone: Tone) -> Need:
    ledger = reverse("admin:automations_slot_changelist")
    return Need(title=title, text=text, url=f"{ledger}?state__exact={state.value}", tone=tone)


def movers(user: User) -> Iterable[Mover]:
    """Schedules that are due before midnight, for whoever keeps the engine running; its ticks are none."""
    if not user.has_perm(OPERATE_ENGINE):
        return
    midnight = (timezone.localtime() + dt.timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    rules = visible_schedules(user).filter(periodic_task__enabled=True, periodic_task__interval__isnull=True)
    beside = {rule.periodic_task_id: rule for rule in rules}
    for line in schedule_lines([rule.periodic_task for rule in beside.values()], timezone.now()):
        if line.trouble or interval_of(line.task) or line.next_run is None or line.next_run >= midnight:
            continue
        title = _said(line.task.description) or line.task.name
        yield Mover(
            title=title[:1].upper() + title[1:],
            text=rule_in_words(effective_rule(line.task)[0]),
            url=reverse("admin:automations_schedulerule_change", args=(beside[line.task.pk].pk,)),
            tone=Tone.WAITING,
            icon="schedule",
            at=line.next_run,
        )


def _said(description: str) -> str:
    """What a schedule does, in the reader's language; its declaration puts a name behind a colon."""
    return ": ".join(_(part) for part in description.split(": ") if part)


register_needs(needs)
register_movers(movers)
