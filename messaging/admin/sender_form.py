"""Forms of senders: what it is, how much it may send, and why somebody stops it."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agency.admin.buttons import ButtonForm
from agency.admin.forms import RecordForm, begin_with, why_field
from messaging.models import Sender
from messaging.operations.senders import SenderLimitsOrder

SPANS = ("per_second", "per_minute", "per_hour", "per_day")
LIMITS = (*SPANS, "pair_seconds", "portfolio_per_day", "warm_up_from")


class SenderForm(RecordForm):
    """A sender as a person writes it down; its identity (client, connection, channel, address) is chosen once."""

    decided_by_operation = ("address",)  # in its normal form

    class Meta:
        model = Sender
        fields = ("client", "connection", "channel", "name", "address", "portfolio", "dkim_selector")
        help_texts: ClassVar = {
            "address": gettext_lazy(
                "As the provider knows it: phone number id (WhatsApp Cloud), instance (Evolution), +55… (Twilio), mailbox (e-mail)."
            ),
            "portfolio": gettext_lazy(
                "WhatsApp numbers with the same word here share one limit on people per 24 hours."
            ),
            "dkim_selector": gettext_lazy(
                "Only for e-mail: the word before “._domainkey” in the name of the DKIM record. Empty: the usual ones are tried."
            ),
        }


class WhyForm(ButtonForm):
    """A reason that the next person reads."""

    why = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=200,
        help_text=gettext_lazy("Shown on the page, and kept in the audit log."),
    )


class LimitsForm(ButtonForm):
    """How much may be sent; every limit may stay empty."""

    per_second = forms.IntegerField(label=gettext_lazy("Messages a second"), required=False, min_value=1)
    per_minute = forms.IntegerField(label=gettext_lazy("Messages a minute"), required=False, min_value=1)
    per_hour = forms.IntegerField(label=gettext_lazy("Messages in 60 minutes"), required=False, min_value=1)
    per_day = forms.IntegerField(
        label=gettext_lazy("Messages in 24 hours"),
        required=False,
        min_value=1,
        help_text=gettext_lazy("Leave a limit empty for none of ours. Running jobs obey within seconds."),
    )
    pair_seconds = forms.IntegerField(
        label=gettext_lazy("Seconds between two messages to one person"), min_value=0, max_value=3_600
    )
    portfolio_per_day = forms.IntegerField(
        label=gettext_lazy("Different people in 24 hours, over its portfolio"), required=False, min_value=1
    )
    warm_up_from = forms.DateField(
        label=gettext_lazy("Warm-up from"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    warm_up = forms.CharField(
        label=gettext_lazy("Warm-up steps"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "placeholder": "1 = 50\n3 = 200\n7 = 1000"}),
        help_text=gettext_lazy("One a line: from which day = messages in 24 hours. After the last day it is over."),
    )
    why = why_field()

    def narrow(self) -> None:
        """Begin with what is stored."""
        if isinstance(self.record, Sender):
            begin_with(self, self.record, LIMITS)
            self.fields["warm_up"].initial = "\n".join(f"{day} = {count}" for day, count in self.record.warm_up)

    def clean_warm_up(self) -> tuple[tuple[int, int], ...]:
        """The steps as numbers."""
        steps = []
        for place, line in enumerate(self.cleaned_data["warm_up"].splitlines(), 1):
            if not line.strip():
                continue
            day, sign, count = (part.strip() for part in line.partition("="))
            if not sign or not all(part.isascii() and part.isdecimal() and len(part) < 8 for part in (day, count)):
                raise ValidationError(_("Line %(line)d: write it like 3 = 200."), params={"line": place})
            steps.append((int(day), int(count)))
        return tuple(steps)


def limits_from(answers: Mapping[str, Any]) -> SenderLimitsOrder:
    """The answers of `LimitsForm` as the operation takes them."""
    return SenderLimitsOrder(**{name: answers[name] for name in LIMITS}, warm_up=answers["warm_up"])
