"""Delivery events: what providers reported about messages, as it was applied."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from agency.admin.asked import signed_in
from agency.admin.base import RecordAdmin
from agency.admin.columns import state_column
from agency.selectors.access import sees_everything
from messaging.admin.words import RECIPIENT_TONES
from messaging.models import DeliveryEvent
from messaging.selectors.visible import visible_delivery_events


@admin.register(DeliveryEvent)
class DeliveryEventAdmin(RecordAdmin):
    """Newest first; a message's own reports are on its page."""

    visible_to = staticmethod(visible_delivery_events)
    list_select_related = ()
    list_display = ("occurred_at", "state_label", "code", "message", "provider_event_id", "received_on")
    state_label = state_column(RECIPIENT_TONES, ordering=None)
    list_filter = ("received_on",)
    sortable_by = ()
    fields = (
        "occurred_at",
        "state",
        "code",
        "message",
        "job_id",
        "provider_message_id",
        "provider_event_id",
        "connection_id",
        "received_on",
    )
    readonly_fields = ("message",)

    def must_look(self, request: HttpRequest) -> bool:
        """Some see a share of what came to the agency's own connections, which may be small; days are found by the key."""
        by_day = any(name.startswith("received_on") for name in request.GET)
        return not by_day and not sees_everything(signed_in(request))

    @admin.display(description=_("recipient"))
    def message(self, event: DeliveryEvent) -> Any:
        """Whose message; a report that came before its message was recorded waits for it."""
        if event.recipient_id is None:
            return _("not known yet")
        address = reverse("admin:messaging_recipient_change", args=(event.recipient_id,))
        return format_html('<a href="{}">{}</a>', address, event.recipient_id)
