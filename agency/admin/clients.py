"""Clients of the agency."""

import zoneinfo
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget

from agency.admin.base import RecordAdmin
from agency.admin.buttons import OperationButton, calls
from agency.admin.forms import OptionalWhyForm, RecordForm
from agency.kit.actor import Actor
from agency.models import Client
from agency.operations.clients import MOVES, change_client, change_client_state, create_client
from agency.selectors.access import visible_clients
from agency.states import ClientState

CHANGE = "agency.change_client"
FIELDS = ("name", "tax_id", "country", "time_zone", "language")


def time_zones() -> list[tuple[str, str]]:
    """Every zone that the machine knows."""
    return [(zone, zone.replace("_", " ")) for zone in sorted(zoneinfo.available_timezones())]


class ClientForm(RecordForm):
    """A client as a person writes it down; the short name is chosen once."""

    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        choices=time_zones,
        initial=Client._meta.get_field("time_zone").default,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("Send windows and quiet hours of its campaigns follow this clock."),
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language"),
        choices=settings.LANGUAGES,
        initial=Client._meta.get_field("language").default,
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = Client
        fields = ("name", "slug", "tax_id", "country", "time_zone", "language")
        help_texts: ClassVar = {
            "slug": gettext_lazy("Short name in addresses and commands, like padaria-aurora. It stays as it is."),
            "tax_id": gettext_lazy("CNPJ or CPF for a client in Brazil. May stay empty."),
            "country": gettext_lazy("Two letters. Phone numbers written without a country are read as numbers of it."),
        }


def _leading_to(
    state: ClientState, name: str, label: Any, done: Any, *, warning: Any = "", icon: str | None = None
) -> OperationButton:
    """The button that leads to a state, shown where that state may follow."""
    return OperationButton(
        name,
        label,
        CHANGE,
        run=calls(partial(change_client_state, state=state), "client_id", done),
        form=OptionalWhyForm,
        warning=lambda client: str(warning),
        shown=lambda client: state in MOVES[ClientState(client.state)],
        icon=icon,
        variant=ActionVariant.DANGER if state is ClientState.ENDED else ActionVariant.DEFAULT,
    )


@admin.register(Client)
class ClientAdmin(RecordAdmin):
    """Whom the agency works for."""

    visible_to = staticmethod(visible_clients)
    list_select_related = ()
    list_display = ("name", "slug", "country", "time_zone", "state", "created_at")
    list_filter = ("state",)
    ordering = ("name",)
    form = ClientForm
    add_fieldsets = ((None, {"fields": ClientForm.Meta.fields}),)
    fields = (*ClientForm.Meta.fields, "state", "created_at")
    readonly_fields = ("state", "created_at")
    fixed_fields = ("slug",)
    prepopulated_fields: ClassVar = {"slug": ("name",)}
    buttons = (
        _leading_to(
            ClientState.ACTIVE,
            "activate",
            gettext_lazy("Activate"),
            gettext_lazy("Active. Its campaigns can start again."),
            icon="play_arrow",
        ),
        _leading_to(
            ClientState.PAUSED,
            "pause",
            gettext_lazy("Pause"),
            gettext_lazy("Paused. No campaign of this client can start."),
            warning=gettext_lazy("No campaign of this client can start. What runs already goes on."),
            icon="pause",
        ),
        _leading_to(
            ClientState.ENDED,
            "end",
            gettext_lazy("End"),
            gettext_lazy("Ended. Its records are kept."),
            warning=gettext_lazy("The work for this client ends for good; its records are kept."),
        ),
    )

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, tuple[str, ...]]:
        return dict(self.prepopulated_fields) if obj is None else {}

    def create_record(self, actor: Actor, cleaned: Mapping[str, Any], request: HttpRequest) -> Client:
        """A new client; its state is active."""
        return create_client(actor=actor, slug=cleaned["slug"], **{name: cleaned[name] for name in FIELDS})

    def change_record(self, actor: Actor, client: Client, cleaned: Mapping[str, Any], request: HttpRequest) -> Client:
        """What it is called and where it is at home."""
        return change_client(actor=actor, client_id=client.pk, **{name: cleaned[name] for name in FIELDS})
