"""What forms of the admin share: the base of a record's form, typed ways to set choices, and the reason for the audit log."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from agency.admin.buttons import ButtonForm

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
else:
    ModelForm = forms.ModelForm  # generic for the type checker only


class RecordForm(ModelForm):
    """A record as a person writes it down. What its operation decides (a second one of the same name) is not asked here."""

    decided_by_operation: ClassVar[tuple[str, ...]] = ()

    def _get_validation_exclusions(self) -> set[str]:
        theirs: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]  # Django's own, untyped
        return {*theirs, *self.decided_by_operation}


def why_field(help_text: Any = "") -> forms.CharField:
    """A reason that the audit log keeps; it may stay empty."""
    return forms.CharField(label=_("Why (for the record)"), required=False, max_length=200, help_text=help_text)


class OptionalWhyForm(ButtonForm):
    """A reason for the record."""

    why = why_field()


def records_field(form: forms.BaseForm, name: str) -> "forms.ModelChoiceField[Any]":
    """The field that offers records, one or several. Raises TypeError where it offers none."""
    field = form.fields[name]
    if not isinstance(field, forms.ModelChoiceField):
        raise TypeError(f"{name} offers no records")
    return field


def narrow_records(form: forms.BaseForm, name: str, **conditions: Any) -> None:
    """Offer only those of the offered records that meet the conditions."""
    field = records_field(form, name)
    if field.queryset is not None:
        field.queryset = field.queryset.filter(**conditions)


def offer(form: forms.BaseForm, name: str, choices: Iterable[tuple[Any, Any]]) -> None:
    """Set the choices of a field. Raises TypeError where it has none."""
    field = form.fields[name]
    if not isinstance(field, forms.ChoiceField):
        raise TypeError(f"{name} has no choices")
    field.choices = list(choices)


def word_choices(form: forms.BaseForm, name: str, words: Callable[[Any], str]) -> None:
    """Say how each offered record is called."""
    vars(records_field(form, name))["label_from_instance"] = words


def begin_with(form: forms.BaseForm, record: object, names: Iterable[str]) -> None:
    """Fill fields with what the record holds under the same names."""
    for name in names:
        form.fields[name].initial = getattr(record, name)
