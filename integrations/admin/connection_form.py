"""The form of a connection, made from its service's manifest."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from agency.admin.buttons import dress
from integrations.manifest import Manifest, Setting
from integrations.models import Connection


def connection_form(manifest: Manifest, connection: Connection | None) -> "type[forms.ModelForm[Connection]]":
    """A form class with one field per setting of the manifest. Secrets are never shown; empty keeps the stored one."""
    fields: dict[str, Any] = {item.name: _field(item, connection) for item in manifest.settings}
    return type("ConnectionForm", (forms.ModelForm,), {"__doc__": "One connection.", **fields})


def _field(item: Setting, connection: Connection | None) -> forms.Field:
    help_text = str(item.purpose)
    if item.secret:
        stored = connection is not None
        widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"})
        if stored:
            widget.attrs["placeholder"] = _("leave empty to keep the stored one")
        field = forms.CharField(
            label=str(item.title), help_text=help_text, widget=widget, required=item.required and not stored, strip=True
        )
    else:
        value = connection.settings.get(item.name, "") if connection is not None else ""
        field = forms.CharField(
            label=str(item.title),
            help_text=help_text,
            required=item.required and not item.default,
            initial=value,
            widget=forms.TextInput(attrs={"placeholder": item.default or item.example}),
        )
    dress(field)
    return field
