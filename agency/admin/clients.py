"""Clients of the agency."""

import zoneinfo
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget

from agency.admin.base import RecordAdmin
from agency.admin.buttons import ButtonForm, OperationButton
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


class ClientForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
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


class StateForm(ButtonForm):
    """A reason that the next person reads in the audit log."""

    why = forms.CharField(label=gettext_lazy("Why (for the record)"), required=False, max_length=200)


def _move(state: ClientState, done: Any) -> Callable[[Actor, Client, Mapping[str, Any]], str]:
    """What the button that leads to a state does."""

    def run(actor: Actor, client: Client, answers: Mapping[str, Any]) -> str:
        change_client_state(actor=actor, client_id=client.pk, state=state, why=answers["why"])
        return str(done)

    return run


def _leads_to(state: ClientState) -> Callable[[Client], bool]:
    return lambda client: state in MOVES[ClientState(client.state)]


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
        OperationButton(
            "activate",
            gettext_lazy("Activate"),
            CHANGE,
            run=_move(ClientState.ACTIVE, gettext_lazy("Active. Its campaigns can start again.")),
            form=StateForm,
            shown=_leads_to(ClientState.ACTIVE),
            icon="play_arrow",
        ),
        OperationButton(
            "pause",
            gettext_lazy("Pause"),
            CHANGE,
            run=_move(ClientState.PAUSED, gettext_lazy("Paused. No campaign of this client can start.")),
            form=StateForm,
            warning=lambda client: _("No campaign of this client can start. What runs already goes on."),
            shown=_leads_to(ClientState.PAUSED),
            icon="pause",
        ),
        OperationButton(
            "end",
            gettext_lazy("End"),
            CHANGE,
            run=_move(ClientState.ENDED, gettext_lazy("Ended. Its records are kept.")),
            form=StateForm,
            warning=lambda client: _("The work for this client ends for good; its records are kept."),
            shown=_leads_to(ClientState.ENDED),
            variant=ActionVariant.DANGER,
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
