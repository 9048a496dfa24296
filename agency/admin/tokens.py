"""API tokens."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.enums import ActionVariant

from agency.admin.base import RecordAdmin
from agency.admin.buttons import ButtonForm, OperationButton, calls
from agency.admin.forms import records_field
from agency.kit.actor import Actor
from agency.models import ApiToken, Client, User
from agency.operations.tokens import issue_token, revoke_token
from agency.rules.scopes import SCOPES
from agency.selectors.access import visible_clients, visible_tokens

DAYS = [(30, gettext_lazy("30 days")), (90, gettext_lazy("90 days")), (365, gettext_lazy("one year"))]


class TokenForm(ButtonForm):
    """What the token is for."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    scopes = forms.MultipleChoiceField(label=gettext_lazy("Scopes"), choices=[(name, name) for name in SCOPES])
    clients = forms.ModelMultipleChoiceField(
        Client.objects.none(),
        required=False,
        label=gettext_lazy("Only these clients"),
        help_text=gettext_lazy("Nothing chosen: every client you see."),
    )
    days = forms.TypedChoiceField(label=gettext_lazy("Works for"), choices=DAYS, coerce=int, initial=90)

    def narrow(self) -> None:
        records_field(self, "clients").queryset = visible_clients(self.user)


def _issue(actor: Actor, record: None, answers: Mapping[str, Any]) -> HttpResponse:
    token, secret = issue_token(
        actor=actor,
        user=User.objects.get(pk=actor.user_id or 0),
        name=answers["name"],
        scopes=answers["scopes"],
        clients=list(answers["clients"]),
        expires_at=timezone.now() + timedelta(days=answers["days"]),
    )
    page = render_to_string("admin/batuta/token.html", {"token": token, "secret": secret})
    return HttpResponse(page, headers={"Cache-Control": "no-store"})


@admin.register(ApiToken)
class ApiTokenAdmin(RecordAdmin):
    """Keys of programs. A token acts for the person who issued it, within its scopes and clients."""

    visible_to = staticmethod(visible_tokens)
    list_select_related = ("user",)
    list_display = ("name", "user", "prefix", "expires_at", "last_used_at", "revoked_at")
    fields = (
        "name",
        "user",
        "prefix",
        "scopes",
        "limited",
        "clients",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    )
    list_buttons = (
        OperationButton(
            "issue",
            gettext_lazy("Issue a token"),
            "agency.add_apitoken",
            run=_issue,
            form=TokenForm,
            icon="key",
            variant=ActionVariant.PRIMARY,
        ),
    )
    buttons = (
        OperationButton(
            "revoke",
            gettext_lazy("Revoke"),
            "agency.change_apitoken",
            run=calls(revoke_token, "token_id", gettext_lazy("The token has ended.")),
            warning=lambda token: _("Programs that use it are refused from now on."),
            shown=lambda token: token.revoked_at is None,
            variant=ActionVariant.DANGER,
        ),
    )
