"""What people have said about being written to. Read-only: a consent is recorded on the person's page, with its proof."""

from typing import ClassVar

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from agency.admin.base import PERSONAL, RecordAdmin
from agency.admin.columns import state_column
from agency.admin.words import Tone
from messaging.models import Consent
from messaging.selectors.visible import visible_consents
from messaging.states import ConsentState

TONES = {ConsentState.GRANTED: Tone("done", "check_circle"), ConsentState.WITHDRAWN: Tone("look", "block")}


@admin.register(Consent)
class ConsentAdmin(RecordAdmin):
    """The present consent per person and channel, with its proof and what was said before."""

    visible_to = staticmethod(visible_consents)
    list_select_related = ("contact__client",)
    list_display = ("contact", "client", "channel", "state_label", "source", "recorded_at")
    state_label = state_column(TONES)
    list_filter = ("channel", "state")
    looked_through = ("channel__exact", "state__exact")
    sortable_by = ()
    fields = ("contact", "client", "channel", "state", "source", "proof", "recorded_at", "history")
    readonly_fields = ("client",)
    masked_fields: ClassVar = {
        "contact__name": PERSONAL,
        "contact__phone": PERSONAL,
        "contact__email": PERSONAL,
        "proof": PERSONAL,
        "history": PERSONAL,
    }

    @admin.display(description=_("client"))
    def client(self, consent: Consent) -> str:
        """Whose contact it is."""
        return str(consent.contact.client)
