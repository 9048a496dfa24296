"""Senders: who sends, what each may send at this moment, and what keeps it from sending."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.enums import ActionVariant

from agency.admin.buttons import OperationButton, calls, in_state
from agency.admin.columns import state_column
from agency.admin.forms import OptionalWhyForm
from agency.admin.lists import RecordList
from agency.admin.pages import PageAdmin
from agency.kit.actor import Actor
from messaging.admin.sender_form import LimitsForm, SenderForm, WhyForm, limits_from
from messaging.admin.sender_page import day_sentence, now_sentence, sender_context
from messaging.admin.words import ACTION_WORDS, SENDER_TONES
from messaging.limits.limiter import LimiterUnavailable
from messaging.models import Sender
from messaging.operations.senders import (
    SenderOrder,
    activate_sender,
    change_sender,
    change_sender_limits,
    create_sender,
    pause_sender,
)
from messaging.runners.mail_checks import check_sender_mail
from messaging.selectors.standing import allowances_now
from messaging.selectors.visible import visible_senders
from messaging.states import ChannelKind, MailCheckState, SenderState

CHANGE = "messaging.change_sender"


def _limits(actor: Actor, sender: Sender, answers: Mapping[str, Any]) -> str:
    change_sender_limits(sender_id=sender.pk, limits=limits_from(answers), actor=actor, why=answers["why"])
    return _("Limits changed.")


def _check(actor: Actor, sender: Sender, answers: Mapping[str, Any]) -> str:
    checked = check_sender_mail(sender_id=sender.pk, actor=actor)
    said = [
        f"{name.upper()}: {MailCheckState(value['state']).label}" for name, value in sorted(checked.mail_checks.items())
    ]
    return _("Checked. %(results)s.") % {"results": ", ".join(said)}


def _activate_warning(sender: Sender) -> str:
    if sender.state == SenderState.RESTRICTED:
        return _(
            "It was stopped: %(why)s. Activate it once that is mended; else it is stopped again at the next message."
        ) % {"why": sender.state_why}
    return _("Messages that wait for it go out within seconds.")


class SenderList(RecordList):
    """The list with each sender's live allowance, asked for all of the page at once."""

    def complete(self, records: list[Any]) -> None:
        try:
            found = allowances_now(records, timezone.now().date())
        except LimiterUnavailable:
            found = {}
        for sender in records:
            sender.allowance = found.get(sender.pk)


@admin.register(Sender)
class SenderAdmin(PageAdmin):
    """WhatsApp numbers, mailboxes and SMS numbers."""

    visible_to = staticmethod(visible_senders)
    list_select_related = ("client", "connection")
    list_display = ("name", "client", "channel", "state_label", "may_send", "sent", "quality", "state_why")
    state_label = state_column(SENDER_TONES)
    list_filter = ("client", "channel", "state")
    search_help_text = gettext_lazy("Beginning of a name, or a whole address")
    form = SenderForm
    page_template = "messaging/sender.html"
    action_words = ACTION_WORDS
    fixed_fields = ("client", "connection", "channel", "address")
    fieldsets = (
        (None, {"fields": ("client", "connection", "channel", "name", "address")}),
        (gettext_lazy("Details"), {"fields": ("portfolio", "dkim_selector")}),
    )
    buttons = (
        OperationButton(
            "activate",
            gettext_lazy("Activate"),
            CHANGE,
            run=calls(
                activate_sender, "sender_id", gettext_lazy("Active. Jobs that wait for it go on within seconds.")
            ),
            form=OptionalWhyForm,
            warning=_activate_warning,
            shown=lambda sender: sender.state != SenderState.ACTIVE,
            icon="play_arrow",
            variant=ActionVariant.PRIMARY,
        ),
        OperationButton("limits", gettext_lazy("Change limits"), CHANGE, run=_limits, form=LimitsForm, icon="speed"),
        OperationButton(
            "check-domain",
            gettext_lazy("Check domain now"),
            CHANGE,
            run=_check,
            warning=lambda sender: _("Asks DNS for SPF, DKIM and DMARC of its domain. Takes a few seconds."),
            shown=lambda sender: sender.channel == ChannelKind.EMAIL,
            icon="dns",
        ),
        OperationButton(
            "pause",
            gettext_lazy("Pause"),
            CHANGE,
            run=calls(
                pause_sender, "sender_id", gettext_lazy("Paused. Nothing goes out through it until it is activated.")
            ),
            form=WhyForm,
            warning=lambda sender: _("Nothing more goes out through it. Jobs go on with their other senders, or wait."),
            shown=in_state(SenderState.ACTIVE),
            icon="pause",
        ),
    )

    def search(self, text: str) -> models.Q:
        """The beginning of a name, or the address."""
        return models.Q(name__istartswith=text) | models.Q(address=text)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[RecordList]:
        return SenderList

    @admin.display(description=gettext_lazy("may send now"))
    def may_send(self, sender: Sender) -> str:
        """What the engine would grant it at this moment."""
        allowance = getattr(sender, "allowance", None)
        return now_sentence(allowance) if allowance else _("not known: limits are being counted")

    @admin.display(description=gettext_lazy("sent in 24 hours"))
    def sent(self, sender: Sender) -> str:
        """What went out, of how many."""
        allowance = getattr(sender, "allowance", None)
        return day_sentence(allowance) if allowance else "–"

    def page(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        """Live allowance, warm-up, mail domain, who uses it."""
        return sender_context(record, request)

    def create_record(self, actor: Actor, cleaned: Mapping[str, Any], request: HttpRequest) -> Sender:
        """A new sender; its limits are set on its page."""
        return create_sender(
            order=SenderOrder(
                client=cleaned["client"],
                connection=cleaned["connection"],
                channel=ChannelKind(cleaned["channel"]),
                name=cleaned["name"],
                address=cleaned["address"],
                portfolio=cleaned["portfolio"],
                dkim_selector=cleaned["dkim_selector"],
            ),
            actor=actor,
        )

    def change_record(self, actor: Actor, sender: Sender, cleaned: Mapping[str, Any], request: HttpRequest) -> Sender:
        """What it is called and how it behaves."""
        names = ("name", "portfolio", "dkim_selector")
        return change_sender(sender_id=sender.pk, actor=actor, **{name: cleaned[name] for name in names})
