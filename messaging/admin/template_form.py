"""The form of a template: once what it is, and its words, which make a new version each time they are saved."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agency.admin.buttons import dress
from agency.admin.forms import RecordForm
from messaging.models import Template
from messaging.operations.templates import WordingOrder
from messaging.rules.rendering import Variable, Wording

IDENTITY = ("client", "name", "channel", "language")
CATEGORIES = (
    ("", "–"),
    ("MARKETING", gettext_lazy("marketing")),
    ("UTILITY", gettext_lazy("utility")),
    ("AUTHENTICATION", gettext_lazy("authentication")),
)


def _liquid(label: Any, rows: int, help_text: Any = "", required: bool = False) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": rows, "spellcheck": "true"})
    return forms.CharField(label=label, required=required, strip=False, widget=widget, help_text=help_text)


class TemplateForm(RecordForm):
    """Words in Liquid; `wording_from` makes of them what the operations take."""

    subject = forms.CharField(label=gettext_lazy("Subject"), required=False, max_length=300)
    body = _liquid(
        gettext_lazy("Text"),
        8,
        gettext_lazy(
            "Variables in double braces: {{ contact.first_name }}, {{ contact.attributes.city }}, or a name that the campaign fills."
        ),
    )
    html = _liquid(gettext_lazy("HTML"), 10, gettext_lazy("Values are escaped. Without HTML only the text is sent."))
    variable_lines = _liquid(
        gettext_lazy("When a value is missing"),
        4,
        gettext_lazy(
            "One a line: contact.first_name = cliente uses “cliente” instead; a name alone may stay empty. "
            "Whoever lacks a variable that is not listed here is not written to."
        ),
    )
    provider_name = forms.CharField(
        label=gettext_lazy("Name at the provider"),
        required=False,
        max_length=120,
        help_text=gettext_lazy(
            "The template that WhatsApp keeps and has approved; the text above is then its copy for us."
        ),
    )
    category = forms.ChoiceField(label=gettext_lazy("Category"), required=False, choices=CATEGORIES)
    parameter_lines = _liquid(
        gettext_lazy("Its parameters"),
        4,
        gettext_lazy("One a line, in order: what fills {{1}}, {{2}} … at the provider."),
    )
    media_url = forms.CharField(
        label=gettext_lazy("Picture or file"),
        required=False,
        max_length=500,
        validators=[URLValidator(schemes=["https"])],
        help_text=gettext_lazy("A public https address."),
    )
    why = forms.CharField(label=gettext_lazy("What is new (for the record)"), required=False, max_length=200)

    decided_by_operation = ("name",)  # which refuses a second template of it

    class Meta:
        model = Template
        fields = IDENTITY

    LINES: ClassVar[Mapping[str, str]] = {"variables": "variable_lines", "parameters": "parameter_lines"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        version = self.instance.current if self.instance.pk else None
        if version is not None:
            for name in ("subject", "body", "html", "provider_name", "category", "media_url"):
                self.fields[name].initial = getattr(version, name)
            self.fields["parameter_lines"].initial = "\n".join(version.parameters)
            self.fields["variable_lines"].initial = "\n".join(
                f"{item['name']} = {item['fallback']}" if item.get("fallback") else str(item["name"])
                for item in version.variables
                if item.get("fallback") or not item.get("required", True)
            )
        for name in self.declared_fields:
            dress(self.fields[name])

    def clean_variable_lines(self) -> tuple[Variable, ...]:
        """The declarations as the renderer takes them."""
        found = []
        for place, line in enumerate(self.cleaned_data["variable_lines"].splitlines(), 1):
            name, _sign, fallback = (part.strip() for part in line.partition("="))
            if not name and fallback:
                raise ValidationError(_("Line %(line)d: the name is missing."), params={"line": place})
            if name:
                found.append(Variable(name=name, fallback=fallback, required=False))
        return tuple(found)

    def clean_parameter_lines(self) -> tuple[str, ...]:
        """The parameters in order."""
        return tuple(line.strip() for line in self.cleaned_data["parameter_lines"].splitlines() if line.strip())

    def add_error(self, field: str | None, error: Any) -> None:
        """Errors of the operation name what they are about; here those are lines."""
        super().add_error(self.LINES.get(field or "", field), error)


def wording_from(cleaned: Mapping[str, Any]) -> WordingOrder:
    """The answers of the form as the operations take them. Line ends become those of Unix."""
    return WordingOrder(
        wording=Wording(
            subject=cleaned["subject"].strip(),
            body=cleaned["body"].replace("\r\n", "\n").strip(),
            html=cleaned["html"].replace("\r\n", "\n").strip(),
            parameters=cleaned["parameter_lines"],
            variables=cleaned["variable_lines"],
        ),
        provider_name=cleaned["provider_name"].strip(),
        category=cleaned["category"],
        media_url=cleaned["media_url"].strip(),
    )
