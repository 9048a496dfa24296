"""A person as somebody writes them down: tags with commas, attributes one a line."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agency.admin.buttons import dress
from agency.admin.forms import RecordForm
from messaging.models import Contact
from messaging.rules.attributes import attribute_key, infer_kind, store_value

PLAIN = ("client", "name", "phone", "email", "whatsapp_id", "language", "time_zone")
LANGUAGES = (
    ("", "–"),
    ("pt-br", gettext_lazy("Portuguese")),
    ("en", gettext_lazy("English")),
    ("es", gettext_lazy("Spanish")),
)
MAX_TAG = 60


class ContactForm(RecordForm):
    """Addresses as people write them; the operation brings them into their one form."""

    phone = forms.CharField(
        required=False, max_length=64, help_text=gettext_lazy("As people write it; read in the client's country.")
    )
    email = forms.CharField(required=False, max_length=254)
    whatsapp_id = forms.CharField(
        required=False, max_length=64, help_text=gettext_lazy("Only for people whose phone WhatsApp does not show.")
    )
    tag_names = forms.CharField(
        label=gettext_lazy("tags"), required=False, help_text=gettext_lazy("Several with commas.")
    )
    attribute_lines = forms.CharField(
        label=gettext_lazy("attributes"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 6, "placeholder": "cidade = Recife"}),
        help_text=gettext_lazy("One a line: name = value. Templates use them as contact.attributes.name."),
    )

    class Meta:
        model = Contact
        fields = PLAIN

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        contact = self.instance
        self.fields["tag_names"].initial = ", ".join(contact.tags)
        self.fields["attribute_lines"].initial = "\n".join(
            f"{key} = {_text(value)}" for key, value in contact.attributes.items()
        )
        labels = {"phone": _("phone"), "email": _("e-mail"), "whatsapp_id": _("WhatsApp user id")}
        for name, field in self.fields.items():
            if name in (*labels, "tag_names", "attribute_lines"):
                dress(field)
            field.label = capfirst(labels.get(name, str(field.label)))

    def clean_tag_names(self) -> list[str]:
        """The tags, each once."""
        names = [" ".join(name.split()) for name in self.cleaned_data["tag_names"].split(",")]
        if any(len(name) > MAX_TAG for name in names):
            raise ValidationError(_("A tag has at most %(most)d characters.") % {"most": MAX_TAG})
        return list(dict.fromkeys(filter(None, names)))

    def clean_attribute_lines(self) -> dict[str, Any]:
        """The attributes; a line that was not touched keeps its value as it is."""
        before: Mapping[str, Any] = self.instance.attributes
        values: dict[str, Any] = {}
        for line in filter(None, map(str.strip, self.cleaned_data["attribute_lines"].splitlines())):
            name, sign, text = (part.strip() for part in line.partition("="))
            if not sign or not name:
                raise ValidationError(_("Write “name = value” in each line."))
            key = name if name in before else attribute_key(name, len(values) + 1)
            values[key] = before[key] if key in before and text == _text(before[key]) else _value(key, text)
        return values

    def validate_unique(self) -> None:
        """The operation decides, on addresses in their one form."""

    def validate_constraints(self) -> None:
        """The operation decides, on addresses in their one form."""


def changes_from(cleaned: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a contact as entered."""
    return {
        **{name: (cleaned.get(name) or "").strip() for name in PLAIN if name != "client"},
        "tags": cleaned["tag_names"],
        "attributes": cleaned["attribute_lines"],
    }


def _text(value: Any) -> str:
    """A value as one line; what has more than one is written as JSON."""
    if isinstance(value, str) and "\n" not in value and value == value.strip():
        return value
    return json.dumps(value, ensure_ascii=False)


def _value(key: str, text: str) -> Any:
    """Numbers, yes/no and dates by the importer's rule; lists and quoted texts as JSON; else the text itself."""
    if text[:1] in '["{':
        try:
            return json.loads(text)
        except ValueError:
            return text
    return store_value(text, infer_kind(key, [text]))
