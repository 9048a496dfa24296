"""The form of a campaign: its fields, and its sending rules as fields instead of JSON."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agency.admin.buttons import dress
from agency.admin.forms import RecordForm, narrow_records, offer, records_field, word_choices
from agency.kit.errors import InvalidInput
from agency.models import Client
from campaigns.outreach.admin.words import WEEKDAYS
from campaigns.outreach.models import Campaign
from campaigns.outreach.operations.campaigns import CAMPAIGN_KINDS, CampaignOrder
from messaging.rules.policy import CapConsequence, ConsentRule, SendPolicy, ZonePolicy

PLAIN = (
    "client",
    "name",
    "kind",
    "channel",
    "segment",
    "audience_mode",
    "template",
    "senders",
    "pool",
    "priority",
    "rate_per_hour",
    "max_per_day",
    "max_attempts",
)
ZONE_CHOICES = (
    (ZonePolicy.CLIENT.value, gettext_lazy("the client's clock")),
    (ZonePolicy.CONTACT.value, gettext_lazy("each person's own clock")),
    (ZonePolicy.AGENCY.value, gettext_lazy("the agency's clock")),
)
CAP_CHOICES = (
    (CapConsequence.DEFER.value, gettext_lazy("the message waits")),
    (CapConsequence.SKIP.value, gettext_lazy("the person is left out")),
)
CONSENT_CHOICES = (
    (ConsentRule.NOT_WITHDRAWN.value, gettext_lazy("everybody who has not asked to stop")),
    (ConsentRule.REQUIRED.value, gettext_lazy("only people who have agreed")),
)


class CampaignForm(RecordForm):
    """A campaign as a person writes it down; `order()` is what the operations take."""

    variable_lines = forms.CharField(
        label=gettext_lazy("values for the template"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "offer.name = Bolo de cenoura"}),
        help_text=gettext_lazy("One a line: name = text. The person's own fields need nothing here."),
    )
    zone = forms.ChoiceField(label=gettext_lazy("times are read on"), choices=ZONE_CHOICES)
    window_start = forms.TimeField(
        label=gettext_lazy("send from"), required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    window_end = forms.TimeField(
        label=gettext_lazy("send until"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text=gettext_lazy("Leave both empty for the whole day. An end before the start goes on past midnight."),
    )
    weekdays = forms.MultipleChoiceField(
        label=gettext_lazy("on these days"),
        choices=[(str(day), name) for day, name in enumerate(WEEKDAYS, 1)],
        widget=forms.CheckboxSelectMultiple,
    )
    holidays = forms.CharField(
        label=gettext_lazy("not on holidays of"),
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "BR-SP"}),
        help_text=gettext_lazy("Countries or their states, with commas: BR, BR-SP, BR-RJ."),
    )
    blackout = forms.CharField(
        label=gettext_lazy("not on these dates"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "2026-12-24"}),
        help_text=gettext_lazy("One a line, as 2026-12-24: the client's own dates, also holidays of a city."),
    )
    cap_messages = forms.IntegerField(
        label=gettext_lazy("at most this many messages to one person"), required=False, min_value=1, max_value=1_000
    )
    cap_days = forms.IntegerField(
        label=gettext_lazy("within this many days"),
        required=False,
        min_value=1,
        max_value=90,
        help_text=gettext_lazy("Counted over all campaigns of the client. Leave both empty for no such rule."),
    )
    cap_consequence = forms.ChoiceField(label=gettext_lazy("who has had enough"), choices=CAP_CHOICES)
    consent = forms.ChoiceField(label=gettext_lazy("may be written to"), choices=CONSENT_CHOICES)

    class Meta:
        model = Campaign
        fields = PLAIN

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        campaign = self.instance
        policy = SendPolicy.from_json(campaign.policy or {})
        for name, value in _initial(campaign, policy).items():
            self.fields[name].initial = value
            if not isinstance(self.fields[name].widget, forms.CheckboxSelectMultiple):
                dress(self.fields[name])
        for field in self.fields.values():
            field.label = capfirst(str(field.label))
        if "kind" in self.fields:
            offer(self, "kind", [(kind.value, kind.label) for kind in CAMPAIGN_KINDS])
            self.fields["audience_mode"].help_text = _(
                "Checked again: who has left the segment by then is skipped. Who joins it later is in the next run."
            )
            records_field(self, "segment").empty_label = _("everybody with an address")
            self._narrow()

    def _narrow(self) -> None:
        """An existing campaign stays with its client: only that client's records are offered. Otherwise each says whose it is."""
        for name in ("segment", "template", "senders", "pool"):
            if self.instance.pk is not None:
                narrow_records(self, name, client=self.instance.client_id)
            else:
                word_choices(self, name, _with_client)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        cleaned["variables"] = self._variables(cleaned.get("variable_lines", ""))
        if not self.errors:
            try:
                cleaned["policy"] = SendPolicy.from_json(_policy(cleaned)).to_json()
            except InvalidInput as refusal:
                field = FIELD_OF_POLICY.get(refusal.field.split(".")[0])
                self.add_error(field, _("This is not understood: %(text)s") % {"text": refusal.text})
        return cleaned

    def _variables(self, text: str) -> dict[str, str]:
        values: dict[str, str] = {}
        for line in filter(None, map(str.strip, text.splitlines())):
            name, sign, value = line.partition("=")
            if not sign or not name.strip():
                self.add_error("variable_lines", ValidationError(_("Write “name = text” in each line.")))
                break
            values[name.strip()] = value.strip()
        return values


def _with_client(record: Any) -> str:
    return f"{record} · {record.client}"


FIELD_OF_POLICY = {
    "window": "window_end",
    "weekdays": "weekdays",
    "holidays": "holidays",
    "blackout": "blackout",
    "cap": "cap_days",
    "zone": "zone",
    "consent": "consent",
}


def order_from(client: Client, cleaned: Mapping[str, Any]) -> CampaignOrder:
    """What the operations take, from a valid form."""
    return CampaignOrder(
        client=client,
        name=cleaned["name"],
        kind=cleaned["kind"],
        channel=cleaned["channel"],
        segment=cleaned["segment"],
        audience_mode=cleaned["audience_mode"],
        template=cleaned["template"],
        senders=tuple(cleaned["senders"]),
        pool=cleaned["pool"],
        variables=cleaned["variables"],
        priority=cleaned["priority"],
        rate_per_hour=cleaned["rate_per_hour"],
        max_per_day=cleaned["max_per_day"],
        max_attempts=cleaned["max_attempts"],
        policy=cleaned["policy"],
    )


def _initial(campaign: Campaign, policy: SendPolicy) -> dict[str, Any]:
    hours, cap = policy.hours, policy.cap
    windowed = hours.start != hours.end
    return {
        "variable_lines": "\n".join(f"{name} = {value}" for name, value in campaign.variables.items()),
        "zone": policy.zone.value,
        "window_start": hours.start if windowed else (dt.time(9) if campaign.pk is None else None),
        "window_end": hours.end if windowed else (dt.time(20) if campaign.pk is None else None),
        "weekdays": [str(day) for day in sorted(hours.weekdays)],
        "holidays": ", ".join(hours.holidays),
        "blackout": "\n".join(day.isoformat() for day in sorted(hours.blackout)),
        "cap_messages": cap.messages if cap else None,
        "cap_days": cap.days if cap else None,
        "cap_consequence": (cap.consequence if cap else CapConsequence.DEFER).value,
        "consent": policy.consent.value,
    }


def _policy(cleaned: Mapping[str, Any]) -> dict[str, Any]:
    policy: dict[str, Any] = {
        "zone": cleaned["zone"],
        "consent": cleaned["consent"],
        "weekdays": [int(day) for day in cleaned["weekdays"]],
        "holidays": [name.strip() for name in cleaned["holidays"].split(",") if name.strip()],
        "blackout": cleaned["blackout"].split(),
    }
    start, end = cleaned.get("window_start"), cleaned.get("window_end")
    if start is not None or end is not None:
        policy["window"] = {"start": f"{start:%H:%M}" if start else "", "end": f"{end:%H:%M}" if end else ""}
    if cleaned.get("cap_messages") or cleaned.get("cap_days"):
        policy["cap"] = {
            "messages": cleaned.get("cap_messages"),
            "days": cleaned.get("cap_days"),
            "consequence": cleaned["cap_consequence"],
        }
    return policy
