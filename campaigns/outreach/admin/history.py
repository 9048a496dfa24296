"""What happened to a campaign, in words: audit entries as lines of its timeline."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from agency.admin.words import moment, number
from agency.models import AuditEntry
from campaigns.outreach.states import Recurrence

ACTION_WORDS: Mapping[str, str | Promise] = {
    "create_campaign": gettext_lazy("created it"),
    "change_campaign": gettext_lazy("changed it"),
    "schedule_campaign": gettext_lazy("scheduled it"),
    "unschedule_campaign": gettext_lazy("took it off the schedule"),
    "start_campaign": gettext_lazy("started it"),
    "pause_campaign": gettext_lazy("paused it"),
    "resume_campaign": gettext_lazy("resumed it"),
    "cancel_campaign": gettext_lazy("cancelled it"),
    "change_campaign_limits": gettext_lazy("changed its limits"),
    "finish_campaign": gettext_lazy("closed a run: everybody has a result"),
    "reopen_campaign": gettext_lazy("goes on with a run: failed messages are tried again"),
    "miss_slot": gettext_lazy("could not start at the scheduled time"),
    "archive_campaign": gettext_lazy("archived it"),
    "retry_given_up": gettext_lazy("tries the failed messages again"),
    "restrict_sender": gettext_lazy("stopped %(sender)s: the provider refuses its credentials"),
    "pause_sender": gettext_lazy("paused %(sender)s"),
    "activate_sender": gettext_lazy("let %(sender)s send again"),
}


def history_words(entry: AuditEntry, senders: Mapping[int, str]) -> str:
    """What was done, with the numbers that changed. `senders` are names by id."""
    say = _SAID.get(entry.action)
    if say is not None:
        return str(say(entry))
    words = str(ACTION_WORDS.get(entry.action, entry.action))
    if entry.subject_type == "messaging.Sender":
        words = words % {"sender": senders.get(entry.subject_id or 0, _("a sender"))}
    return words


def _limits(entry: AuditEntry) -> str:
    """“changed its limits: in an hour none → 60”."""
    names = {
        "rate_per_hour": _("in an hour"),
        "max_per_day": _("in 24 hours"),
        "priority": _("priority"),
    }
    changes = [
        f"{words} {_value(entry.before.get(name))} → {_value(entry.after.get(name))}"
        for name, words in names.items()
        if entry.before.get(name) != entry.after.get(name)
    ]
    said = str(ACTION_WORDS["change_campaign_limits"])
    return f"{said}: {', '.join(changes)}" if changes else said


def _value(value: Any) -> str:
    return number(value) if isinstance(value, int) else _("none")


def _schedule(entry: AuditEntry) -> str:
    said = str(ACTION_WORDS["schedule_campaign"])
    at = entry.after.get("starts_at")
    if not at:
        return said
    daily = entry.after.get("recurrence") == Recurrence.DAILY
    words = _("%(said)s: daily from %(moment)s") if daily else _("%(said)s for %(moment)s")
    return words % {"said": said, "moment": moment(dt.datetime.fromisoformat(at))}


def _start(entry: AuditEntry) -> str:
    run = entry.after.get("execution")
    if entry.after.get("slot"):
        return _("started it as scheduled (run %(number)s)") % {"number": run}
    return _("started it (run %(number)s)") % {"number": run}


def _lost(entry: AuditEntry) -> str:
    """“found that a sending process was lost with 12 messages in hand: 10 unknown, 2 tried again”."""
    numbers: dict[str, int] = {name: int(value) for name, value in entry.after.items()}
    total = sum(numbers.values())
    said = ngettext(
        "found that a sending process was lost with %(number)s message in hand",
        "found that a sending process was lost with %(number)s messages in hand",
        total,
    ) % {"number": number(total)}
    fates = {"unknown": _("unknown"), "pending": _("tried again"), "failed": _("given up")}
    return f"{said}: " + ", ".join(f"{number(count)} {fates.get(name, name)}" for name, count in numbers.items())


_SAID = {
    "change_campaign_limits": _limits,
    "schedule_campaign": _schedule,
    "start_campaign": _start,
    "lose_process": _lost,
}
