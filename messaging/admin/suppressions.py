"""Addresses that nothing is sent to: the list, adding one, lifting one."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.enums import ActionVariant

from agency.admin.base import PERSONAL, RecordAdmin
from agency.admin.buttons import ButtonForm, OperationButton, dress
from agency.admin.forms import RecordForm, why_field
from agency.kit.actor import Actor
from messaging.models import Suppression
from messaging.operations.contacts import lift_suppression, suppress_address
from messaging.selectors.visible import visible_suppressions
from messaging.states import ChannelKind, SuppressionReason

ADD = "messaging.add_suppression"
LIFT = "messaging.delete_suppression"
# What a person may enter; the others are a provider's verdict.
BY_HAND = (SuppressionReason.MANUAL, SuppressionReason.OPTED_OUT, SuppressionReason.COMPLAINED)


class LiftForm(ButtonForm):
    """Why an address may be written to again."""

    why = forms.CharField(
        label=gettext_lazy("Why may it be written to again?"),
        max_length=200,
        help_text=gettext_lazy("Kept in the audit log with your name."),
    )


class SuppressionForm(RecordForm):
    """An address as a person writes it."""

    reason = forms.ChoiceField(choices=[(reason.value, reason.label) for reason in BY_HAND])
    why = why_field(gettext_lazy("Kept in the audit log with your name."))

    class Meta:
        model = Suppression
        fields = ("client", "channel", "address", "reason")
        help_texts: ClassVar = {"address": gettext_lazy("A phone as people write it, or an e-mail.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("reason", "why"):
            dress(self.fields[name])
            self.fields[name].label = capfirst(str(self.fields[name].label or _("reason")))

    def validate_unique(self) -> None:
        """The operation decides on the address in its normal form; one that is there already stays as it is."""


def lift(actor: Actor, suppression: Suppression, answers: Mapping[str, Any]) -> HttpResponse:
    """Allow an address again; its record is gone, so the reader is taken to the list."""
    lift_suppression(suppression_id=suppression.pk, actor=actor, why=answers["why"])
    return HttpResponseRedirect(reverse("admin:messaging_suppression_changelist"))


@admin.register(Suppression)
class SuppressionAdmin(RecordAdmin):
    """Nothing is sent to these, whatever a campaign says."""

    visible_to = staticmethod(visible_suppressions)
    list_select_related = ("client",)
    list_display = ("address", "client", "channel", "reason", "source", "created_at")
    list_filter = ("client", "channel", "reason")
    looked_through = ("channel__exact", "reason__exact")
    search_help_text = gettext_lazy("Beginning of an e-mail or of a phone, as +55 11 …")
    form = SuppressionForm
    add_fieldsets = ((None, {"fields": ("client", "channel", "address", "reason", "why")}),)
    fields = ("client", "channel", "address", "reason", "source", "created_at")
    masked_fields: ClassVar = {"address": PERSONAL, "source": PERSONAL}
    buttons = (
        OperationButton(
            "lift",
            gettext_lazy("Lift"),
            LIFT,
            run=lift,
            form=LiftForm,
            warning=lambda suppression: _(
                "Campaigns may write to this address again, beginning with the next message."
            ),
            icon="lock_open",
            variant=ActionVariant.DANGER,
        ),
    )

    def search(self, text: str) -> models.Q:
        """The beginning of the address in its stored form."""
        if "@" in text or not any(character.isdigit() for character in text):
            return models.Q(address__startswith=text.lower())
        return models.Q(address__startswith="+" + "".join(filter(str.isdigit, text)))

    def create_record(self, actor: Actor, cleaned: Mapping[str, Any], request: HttpRequest) -> Suppression:
        """Suppress an address; what is queued for it is skipped at once."""
        return suppress_address(
            client=cleaned["client"],
            channel=ChannelKind(cleaned["channel"]),
            address=cleaned["address"],
            reason=SuppressionReason(cleaned["reason"]),
            actor=actor,
            why=cleaned["why"],
        )
