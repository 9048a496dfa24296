"""Messages with words of their own: what people wrote to us, and what was written to one person."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from agency.admin.asked import key_of
from agency.admin.base import PERSONAL, RecordAdmin
from agency.admin.columns import labels
from agency.admin.lists import RecordList
from messaging.admin.words import RECIPIENT_TONES, reason_sentence
from messaging.models import Message, Recipient
from messaging.selectors.visible import visible_messages

SHOWN = 80  # characters of a text in the list


class MessageList(RecordList):
    """The list with what became of each outbound message, asked for all of the page at once."""

    def complete(self, records: list[Any]) -> None:
        ids = [message.recipient_id for message in records if message.recipient_id]
        found = Recipient.objects.in_bulk(ids)
        for message in records:
            message.sending = found.get(message.recipient_id)


@admin.register(Message)
class MessageAdmin(RecordAdmin):
    """Read only: a reply is written in the inbox."""

    visible_to = staticmethod(visible_messages)
    list_select_related = ("client", "contact", "sender")
    list_display = ("at", "way", "client", "contact", "channel", "begins", "became", "stop")
    list_filter = ("client", "direction", "channel")
    looked_through = ("direction__exact", "channel__exact")
    sortable_by = ()
    search_help_text = _("Number of a message, or a person's as “person 12”")
    fields = (
        "at",
        "direction",
        "channel",
        "client",
        "contact",
        "address",
        "sender",
        "text",
        "opted_out",
        "sending_link",
        "provider_key",
    )
    readonly_fields = ("sending_link", "provider_key")
    masked_fields = {
        "text": PERSONAL,
        "address": PERSONAL,
        "contact__name": PERSONAL,
        "contact__phone": PERSONAL,
        "contact__email": PERSONAL,
    }

    def search(self, text: str) -> models.Q:
        """By its number, or by the contact's."""
        *_words, last = text.split()
        key = key_of(last) or 0
        return models.Q(contact=key) if _words else models.Q(pk=key)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[RecordList]:
        return MessageList

    @admin.display(description=_("direction"))
    def way(self, message: Message) -> str:
        """Which way it went."""
        return message.get_direction_display()

    @admin.display(description=_("text"))
    def begins(self, message: Message) -> str:
        """The first words."""
        words = " ".join(message.text.split())
        return (words if len(words) <= SHOWN else f"{words[: SHOWN - 1]}…") or "–"

    @display(description=_("became"), label=labels(RECIPIENT_TONES))
    def became(self, message: Message) -> Any:
        """The state of its sending; nothing for an inbound one."""
        sending = getattr(message, "sending", None)
        return (sending.state, sending.get_state_display()) if sending else None

    @display(description=_("asked to stop"), label={"stop": "warning"})
    def stop(self, message: Message) -> Any:
        """Whether these words ended it all."""
        return ("stop", gettext("yes")) if message.opted_out else None

    @admin.display(description=_("sending"))
    def sending_link(self, message: Message) -> str:
        """What became of an outbound message, with its page."""
        sending = Recipient.objects.filter(pk=message.recipient_id or 0).first()
        if sending is None:
            return "–"
        address = reverse("admin:messaging_recipient_change", args=(sending.pk,))
        return format_html('<a href="{}">{}</a> {}', address, sending.get_state_display(), reason_sentence(sending))

    @admin.display(description=_("provider id"))
    def provider_key(self, message: Message) -> str:
        """What the provider calls it."""
        return message.provider_message_id or "–"
