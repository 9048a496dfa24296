"""The form of a connection, made from its service's manifest: one field a setting, by its kind."""

import base64
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from agency.admin.buttons import dress
from agency.kit.errors import InvalidInput
from integrations.credentials import MOST_BYTES
from integrations.environment import app_credentials
from integrations.manifest import Manifest, Setting, SettingKind
from integrations.models import Connection

KEEP = _("leave empty to keep the stored one")


def connection_form(manifest: Manifest, connection: Connection | None) -> "type[forms.ModelForm[Connection]]":
    """A form class with one field per setting of the manifest. Secrets are never shown; empty keeps the stored one."""
    later = set[str]()
    if manifest.oauth is not None:  # consent comes afterwards, and the environment may know the app
        later = {manifest.oauth.token_setting, *app_credentials(manifest, manifest.oauth)}
    fields: dict[str, Any] = {}
    for item in manifest.settings:
        fields[item.name] = _field(item, connection, is_needed=item.required and item.name not in later)
        if item.kind is SettingKind.CERTIFICATE:
            fields[item.password_name] = _password(item)
    return type("ConnectionForm", (forms.ModelForm,), {"__doc__": "One connection.", **fields})


def secret_fields(manifest: Manifest) -> list[str]:
    """The names of the fields of secrets, a certificate's password behind it."""
    names = []
    for item in manifest.settings:
        if item.secret:
            names.append(item.name)
        if item.kind is SettingKind.CERTIFICATE:
            names.append(item.password_name)
    return names


def typed_secrets(manifest: Manifest, cleaned: Mapping[str, Any]) -> dict[str, str]:
    """What was entered, a file as Base64. Raises `InvalidInput` for a file that is too large to be a certificate."""
    found = {}
    for name in secret_fields(manifest):
        value = cleaned.get(name)
        if isinstance(value, UploadedFile):
            if (value.size or 0) > MOST_BYTES:
                raise InvalidInput("too_large", str(_("This file is too large.")), name)
            value.seek(0)
            value = base64.b64encode(value.read()).decode()
        found[name] = value or ""
    return found


def _field(item: Setting, connection: Connection | None, *, is_needed: bool) -> forms.Field:
    help_text, label = str(item.purpose), str(item.title)
    stored = connection is not None
    field: forms.Field
    if item.kind is SettingKind.CERTIFICATE:
        hint = f"{help_text} {KEEP}" if stored else help_text
        widget = forms.FileInput(attrs={"accept": ".pfx,.p12,.pem"})
        field = forms.FileField(label=label, help_text=hint, widget=widget, required=is_needed and not stored)
    elif item.kind is SettingKind.JSON:
        area = forms.Textarea(attrs={"rows": 4, "autocomplete": "off", "spellcheck": "false"})
        if stored:
            area.attrs["placeholder"] = KEEP
        field = forms.CharField(label=label, help_text=help_text, widget=area, required=is_needed and not stored)
    elif item.secret:
        secret = forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"})
        if stored:
            secret.attrs["placeholder"] = KEEP
        if item.kind is SettingKind.OAUTH:
            how = _("Leave it empty and press Connect afterwards, or paste a token that lasts.")
            help_text = f"{help_text} {how}"
        field = forms.CharField(
            label=label, help_text=help_text, widget=secret, required=is_needed and not stored, strip=True
        )
    else:
        value = connection.settings.get(item.name, "") if connection is not None else ""
        field = forms.CharField(
            label=label,
            help_text=help_text,
            required=is_needed and not item.default,
            initial=value,
            widget=forms.TextInput(attrs={"placeholder": item.default or item.example}),
        )
    dress(field)
    return field


def _password(item: Setting) -> forms.Field:
    field = forms.CharField(
        label=str(_("Password of the file")),
        help_text=str(_("Only needed to open it; it is not kept.")),
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
        required=False,
        strip=False,
    )
    dress(field)
    return field
