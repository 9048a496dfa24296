"""Buttons of the admin: each asks once, then calls one operation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db import models
from django.http import HttpResponse
from unfold import widgets
from unfold.enums import ActionVariant

from agency.kit.actor import Actor
from agency.models import User


class ButtonForm(forms.Form):
    """What a button needs to know before it acts. `user` and `record` (None above a list) narrow choices; fields get the admin's look."""

    def __init__(self, *args: Any, user: User, record: models.Model | None = None, **kwargs: Any) -> None:
        self.user, self.record = user, record
        super().__init__(*args, **kwargs)
        self.narrow()
        for field in self.fields.values():
            dress(field)

    def narrow(self) -> None:
        """Set querysets and choices from `self.user` and `self.record`; nothing by default."""


def dress(field: forms.Field) -> None:
    """Give a plain Django form field the classes of the admin's own fields."""
    widget = field.widget
    classes: list[str] = widgets.INPUT_CLASSES
    if isinstance(widget, forms.CheckboxInput):
        classes = widgets.CHECKBOX_CLASSES
    elif isinstance(widget, forms.Select):
        classes = widgets.SELECT_CLASSES
    elif isinstance(widget, forms.Textarea):
        classes = widgets.TEXTAREA_CLASSES
    elif isinstance(widget, forms.ClearableFileInput):
        classes = []
    widget.attrs.setdefault("class", " ".join(classes))


def _always(record: Any) -> bool:
    return True


def _nothing(record: Any) -> str:
    return ""


def in_state(*states: object) -> Callable[[Any], bool]:
    """Whether a record is in one of these states: for `OperationButton.shown`."""
    return lambda record: record.state in states


def calls(operation: Callable[..., object], key: str, said: object) -> Callable[[Actor, Any, Mapping[str, Any]], str]:
    """For `OperationButton.run`: call the operation with the record's key under the name `key`, the answers and the actor; then say `said`."""

    def run(actor: Actor, record: Any, answers: Mapping[str, Any]) -> str:
        operation(**{key: record.pk}, **answers, actor=actor)
        return str(said)

    return run


@dataclass(frozen=True, slots=True)
class OperationButton:
    """One button above a record (`RecordAdmin.buttons`) or above a list (`RecordAdmin.list_buttons`; then the record is None).

    `name` is the last part of the address `…/do/<name>/`. `run(actor, record, answers)` calls one operation and returns the sentence that
    tells what was done, or a whole response (a secret shown once, a file). `OperationRefused` from it is shown beside the form and changes
    nothing. `warning(record)` says before, in numbers, what will happen. `shown(record)` hides the button where the state does not allow it.
    """

    name: str
    label: Any
    permission: str
    run: Callable[[Actor, Any, Mapping[str, Any]], str | HttpResponse]
    form: type[ButtonForm] = ButtonForm
    warning: Callable[[Any], str] = _nothing
    shown: Callable[[Any], bool] = _always
    icon: str | None = None
    variant: ActionVariant = ActionVariant.DEFAULT
