"""A campaign in sentences: what the screens say in place of field names."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from agency.admin.words import Tone, moment, number
from campaigns.outreach.models import Campaign
from campaigns.outreach.rules.segment import All, AnyOf, Condition, Node, Not, Op
from campaigns.outreach.states import CampaignState, ExecutionState, Recurrence
from messaging.rules.policy import CapConsequence, ConsentRule, SendPolicy, ZonePolicy

TONES: Mapping[str, Tone] = {
    CampaignState.DRAFT: Tone("waiting", "edit_note"),
    CampaignState.SCHEDULED: Tone("waiting", "schedule"),
    CampaignState.RUNNING: Tone("moving", "play_circle"),
    CampaignState.PAUSED: Tone("look", "pause_circle"),
    CampaignState.COMPLETED: Tone("done", "check_circle"),
    CampaignState.CANCELLED: Tone("waiting", "cancel"),
    CampaignState.ARCHIVED: Tone("waiting", "inventory_2"),
    ExecutionState.PREPARING: Tone("moving", "hourglass_top"),
    ExecutionState.FINISHING: Tone("moving", "hourglass_bottom"),
    ExecutionState.FAILED: Tone("broken", "error"),
}


WEEKDAYS = (
    gettext_lazy("Monday"),
    gettext_lazy("Tuesday"),
    gettext_lazy("Wednesday"),
    gettext_lazy("Thursday"),
    gettext_lazy("Friday"),
    gettext_lazy("Saturday"),
    gettext_lazy("Sunday"),
)
ZONES: Mapping[ZonePolicy, str | Promise] = {
    ZonePolicy.AGENCY: gettext_lazy("on the agency's clock"),
    ZonePolicy.CLIENT: gettext_lazy("on the client's clock"),
    ZonePolicy.CONTACT: gettext_lazy("on each person's own clock"),
}


def policy_sentences(policy: SendPolicy) -> list[str]:
    """The sending rules, one short sentence each."""
    hours, said = policy.hours, []
    if hours.start == hours.end:
        said.append(_("At any time of day"))
    else:
        said.append(
            _("Between %(start)s and %(end)s, %(clock)s")
            % {"start": f"{hours.start:%H:%M}", "end": f"{hours.end:%H:%M}", "clock": ZONES[policy.zone]}
        )
    if set(hours.weekdays) == {1, 2, 3, 4, 5}:
        said.append(_("Only from Monday to Friday"))
    elif len(hours.weekdays) < 7:
        said.append(
            _("Only on %(days)s") % {"days": ", ".join(str(WEEKDAYS[day - 1]) for day in sorted(hours.weekdays))}
        )
    if hours.holidays:
        said.append(_("Not on holidays of %(calendars)s") % {"calendars": ", ".join(hours.holidays)})
    if hours.blackout:
        count = len(hours.blackout)
        said.append(
            ngettext("Not on %(number)s date of the client", "Not on %(number)s dates of the client", count)
            % {"number": count}
        )
    if policy.cap:
        words = (
            _("Nobody gets more than %(messages)s messages in %(days)s days; later ones wait")
            if policy.cap.consequence is CapConsequence.DEFER
            else _("Nobody gets more than %(messages)s messages in %(days)s days; others are left out")
        )
        said.append(words % {"messages": policy.cap.messages, "days": policy.cap.days})
    if policy.consent is ConsentRule.REQUIRED:
        said.append(_("Only people who have agreed to be written to"))
    else:
        said.append(_("Everybody who has not asked to stop"))
    return said


def schedule_sentence(campaign: Campaign) -> str:
    """When it starts by itself."""
    if campaign.next_run_at is None and campaign.state not in (CampaignState.DRAFT, CampaignState.SCHEDULED):
        return _("Started; nothing further is planned")
    if campaign.starts_at is None or campaign.state == CampaignState.DRAFT:
        return _("Starts when somebody presses Start")
    if campaign.recurrence == Recurrence.DAILY:
        said = _("Starts daily at %(time)s from %(day)s") % {
            "time": date_format(timezone.localtime(campaign.starts_at), "TIME_FORMAT"),
            "day": date_format(timezone.localtime(campaign.starts_at), "SHORT_DATE_FORMAT"),
        }
    else:
        said = _("Starts at %(moment)s") % {"moment": moment(campaign.starts_at)}
    if campaign.next_run_at:
        said += "; " + _("next: %(moment)s") % {"moment": moment(campaign.next_run_at)}
    return said


def limit_sentences(campaign: Campaign) -> list[str]:
    """How fast, in sentences."""
    said = []
    if campaign.rate_per_hour:
        said.append(_("At most %(number)s messages in an hour") % {"number": number(campaign.rate_per_hour)})
    if campaign.max_per_day:
        said.append(_("At most %(number)s messages in 24 hours") % {"number": number(campaign.max_per_day)})
    if not said:
        said.append(_("As fast as the senders allow"))
    return said


FIELD_WORDS: Mapping[str, str | Promise] = {
    "name": gettext_lazy("name"),
    "phone": gettext_lazy("phone"),
    "email": gettext_lazy("e-mail"),
    "language": gettext_lazy("language"),
    "time_zone": gettext_lazy("time zone"),
    "tags": gettext_lazy("tags"),
    "replies": gettext_lazy("number of replies"),
    "created_at": gettext_lazy("day added"),
    "last_inbound_at": gettext_lazy("last reply"),
}
OP_WORDS: Mapping[Op, str | Promise] = {
    Op.IS: gettext_lazy("is"),
    Op.ONE_OF: gettext_lazy("is one of"),
    Op.CONTAINS: gettext_lazy("contains"),
    Op.STARTS_WITH: gettext_lazy("begins with"),
    Op.ENDS_WITH: gettext_lazy("ends with"),
    Op.FILLED: gettext_lazy("is known"),
    Op.AT_LEAST: gettext_lazy("is at least"),
    Op.AT_MOST: gettext_lazy("is at most"),
    Op.HAS: gettext_lazy("include"),
    Op.HAS_ANY: gettext_lazy("include any of"),
    Op.HAS_ALL: gettext_lazy("include all of"),
    Op.LAST_DAYS: gettext_lazy("is in the last … days"),
    Op.NEXT_DAYS: gettext_lazy("is in the next … days"),
    Op.BEFORE: gettext_lazy("is before"),
    Op.SINCE: gettext_lazy("is on or after"),
}


def segment_sentence(node: Node) -> str:
    """A tree in words."""
    if isinstance(node, All) and not node.parts:
        return _("everybody")
    if isinstance(node, (All, AnyOf)):
        word = _("and") if isinstance(node, All) else _("or")
        parts = [segment_sentence(part) for part in node.parts]
        nested = [
            f"({part})" if isinstance(child, (All, AnyOf)) and len(child.parts) > 1 else part
            for part, child in zip(parts, node.parts, strict=True)
        ]
        return f" {word} ".join(nested)
    if isinstance(node, Not):
        return _("not (%(condition)s)") % {"condition": segment_sentence(node.part)}
    return _condition_sentence(node)


def _condition_sentence(condition: Condition) -> str:
    field = FIELD_WORDS.get(condition.field, condition.key)
    words = str(OP_WORDS[condition.op])
    value: Any = condition.value
    if condition.op is Op.FILLED and condition.field == "tags":
        return _("has at least one tag")
    if condition.op is Op.FILLED:
        return f"{field} {words}"
    if "…" in words:
        return f"{field} {words.replace('…', str(value))}"
    if isinstance(value, tuple):
        value = ", ".join(value)
    elif isinstance(value, bool):
        value = _("yes") if value else _("no")
    elif isinstance(value, dt.date):
        value = date_format(value, "SHORT_DATE_FORMAT")
    return f"{field} {words} “{value}”"
