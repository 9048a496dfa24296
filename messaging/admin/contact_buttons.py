"""What can be done with one person: each asks once, says what will happen, and calls one operation."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.enums import ActionVariant

from agency.admin.buttons import ButtonForm, OperationButton
from agency.admin.forms import offer, why_field
from agency.admin.words import number
from agency.kit.actor import Actor
from messaging.models import Contact
from messaging.operations.contacts import erase_contact, record_consent, suppress_address
from messaging.operations.person_files import take_out_person
from messaging.selectors.contact_history import addresses_of, belongings
from messaging.states import ChannelKind, ConsentState, SuppressionReason

CHANGE = "messaging.change_contact"
REQUESTS = "messaging.delete_contact"  # answering people's requests about their own data: what is held, and its erasure
BY_HAND = (SuppressionReason.MANUAL, SuppressionReason.OPTED_OUT, SuppressionReason.COMPLAINED)


def _reachable(contact_id: int) -> list[ChannelKind]:
    contact = Contact.objects.get(pk=contact_id)
    return [channel for channel in ChannelKind if addresses_of(contact, channel)]


class ConsentForm(ButtonForm):
    """What the person said, and how we know."""

    channel = forms.TypedChoiceField(label=gettext_lazy("Channel"), coerce=lambda value: ChannelKind(int(value)))
    state = forms.TypedChoiceField(
        label=gettext_lazy("The person"),
        coerce=lambda value: ConsentState(int(value)),
        choices=[
            (ConsentState.GRANTED.value, gettext_lazy("agrees to be written to")),
            (ConsentState.WITHDRAWN.value, gettext_lazy("does not want it any more")),
        ],
    )
    source = forms.CharField(
        label=gettext_lazy("Where they said it"),
        max_length=200,
        help_text=gettext_lazy("For example: phone call, form at the counter, e-mail."),
    )
    proof = forms.CharField(
        label=gettext_lazy("Proof"),
        max_length=1_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Their words, the date, where the recording or paper is. Kept with the consent."),
    )

    def narrow(self) -> None:
        """Every channel: consent may come before the address."""
        offer(self, "channel", ChannelKind.choices)


class SuppressForm(ButtonForm):
    """Which address is never written to again."""

    channel = forms.TypedChoiceField(label=gettext_lazy("Channel"), coerce=lambda value: ChannelKind(int(value)))
    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"), choices=[(reason.value, reason.label) for reason in BY_HAND]
    )
    why = why_field(gettext_lazy("Kept in the audit log with your name."))

    def narrow(self) -> None:
        """Channels the person has an address on."""
        if self.record is not None:
            channels = _reachable(self.record.pk)
            offer(self, "channel", [(channel.value, channel.label) for channel in channels])


class EraseForm(ButtonForm):
    """Why a person is erased, or what is held about them handed out."""

    why = forms.CharField(
        label=gettext_lazy("Why (for the record)"),
        max_length=200,
        help_text=gettext_lazy("For example: request of the person on a date. Do not write who they are."),
    )


def _record_consent(actor: Actor, contact: Contact, answers: Mapping[str, Any]) -> str:
    record_consent(
        contact_id=contact.pk,
        channel=answers["channel"],
        state=answers["state"],
        source=answers["source"],
        proof={"note": answers["proof"], "by": actor.label},
        actor=actor,
    )
    return _("Recorded. What was said before stays in the history.")


def _suppress(actor: Actor, contact: Contact, answers: Mapping[str, Any]) -> str:
    stored = Contact.objects.select_related("client").get(pk=contact.pk)
    address = addresses_of(stored, answers["channel"])[0]
    suppress_address(
        client=stored.client,
        channel=answers["channel"],
        address=address,
        reason=SuppressionReason(answers["reason"]),
        actor=actor,
        why=answers["why"],
    )
    return _("Suppressed. Nothing more is sent to this address; what was waiting for it is skipped.")


def _erase(actor: Actor, contact: Contact, answers: Mapping[str, Any]) -> HttpResponse:
    erase_contact(contact_id=contact.pk, actor=actor, why=answers["why"])
    return HttpResponseRedirect(reverse("admin:messaging_contact_changelist"))


def _take_out(actor: Actor, contact: Contact, answers: Mapping[str, Any]) -> HttpResponse:
    content = take_out_person(contact_id=contact.pk, actor=actor, why=answers["why"])
    return HttpResponse(
        content,
        content_type="application/json",
        headers={
            "Content-Disposition": f'attachment; filename="person-{contact.pk}.json"',
            "Cache-Control": "no-store",
        },
    )


def _take_out_warning(contact: Contact) -> str:
    return _(
        "A file with everything held about this person: fields, consents, suppressions, messages, what was sent and what was done to the "
        "record. The audit log keeps that you took it."
    )


def _suppress_warning(contact: Contact) -> str:
    waiting = belongings(contact).waiting
    said = _("No campaign, follow-up or single message goes to this address any more, until somebody lifts it.")
    if waiting:
        said += " " + ngettext(
            "%(number)s waiting message is skipped at once.",
            "%(number)s waiting messages are skipped at once.",
            waiting,
        ) % {"number": number(waiting)}
    return said


def _erase_warning(contact: Contact) -> str:
    found = belongings(contact)
    return " ".join(
        (
            _("This cannot be undone."),
            _(
                "Erased for good: name, addresses, attributes, consents (%(consents)s), messages (%(messages)s), and the values that were sent to them."
            )
            % {"consents": number(found.consents), "messages": number(found.messages)},
            _("Waiting messages that are skipped: %(waiting)s.") % {"waiting": number(found.waiting)},
            _(
                "What stays: campaigns' numbers without the person, and suppressed addresses, so that nobody writes to them again."
            ),
        )
    )


CONTACT_BUTTONS = (
    OperationButton(
        "consent", gettext_lazy("Record consent"), CHANGE, run=_record_consent, form=ConsentForm, icon="how_to_reg"
    ),
    OperationButton(
        "suppress",
        gettext_lazy("Never write again"),
        "messaging.add_suppression",
        run=_suppress,
        form=SuppressForm,
        warning=_suppress_warning,
        icon="block",
    ),
    OperationButton(
        "take-out",
        gettext_lazy("Everything about this person"),
        REQUESTS,
        run=_take_out,
        form=EraseForm,
        warning=_take_out_warning,
        icon="download",
    ),
    OperationButton(
        "erase",
        gettext_lazy("Erase person"),
        REQUESTS,
        run=_erase,
        form=EraseForm,
        warning=_erase_warning,
        icon="person_remove",
        variant=ActionVariant.DANGER,
    ),
)
