"""The switch that stops every outside effect, and its past."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.enums import ActionVariant

from agency.admin.base import RecordAdmin
from agency.admin.buttons import ButtonForm, OperationButton
from agency.admin.forms import OptionalWhyForm
from agency.kit.actor import Actor
from agency.models import Freeze
from agency.operations.freeze import freeze_sending, lift_freeze
from agency.rules.roles import FREEZE
from agency.selectors.freeze import current_freeze, visible_freezes


class FreezeForm(ButtonForm):
    """The reason, which everybody reads."""

    why = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=300,
        help_text=gettext_lazy("Everybody reads it at the top of every page while nothing is sent."),
    )


def _freeze(actor: Actor, record: None, answers: Mapping[str, Any]) -> str:
    freeze_sending(actor=actor, why=answers["why"])
    return _("Frozen. What is in a process's hands is finished within seconds; nothing else leaves.")


def _lift(actor: Actor, record: None, answers: Mapping[str, Any]) -> str:
    lift_freeze(actor=actor, why=answers["why"])
    return _("Lifted. Everything goes on where it stood.")


def _freeze_warning(record: None) -> str:
    return _(
        "Nothing is sent for any client any more: no campaign, no single message, no reply. What is due waits and loses nothing; "
        "replies and opt-outs still come in."
    )


def _lift_warning(record: None) -> str:
    return _("Whatever is due leaves at once, as fast as its limits let it.")


def _frozen(record: None) -> bool:
    return current_freeze() is not None


def _not_frozen(record: None) -> bool:
    return not _frozen(record)


@admin.register(Freeze)
class FreezeAdmin(RecordAdmin):
    """When everything stood still, by whom and why."""

    visible_to = staticmethod(visible_freezes)
    list_select_related = ()
    list_display = ("why", "began_at", "began_by", "ended_at", "ended_by")
    list_buttons = (
        OperationButton(
            "freeze",
            gettext_lazy("Freeze all sending"),
            FREEZE,
            run=_freeze,
            form=FreezeForm,
            warning=_freeze_warning,
            shown=_not_frozen,
            icon="ac_unit",
            variant=ActionVariant.DANGER,
        ),
        OperationButton(
            "lift",
            gettext_lazy("Let sending go on"),
            FREEZE,
            run=_lift,
            form=OptionalWhyForm,
            warning=_lift_warning,
            shown=_frozen,
            icon="play_arrow",
            variant=ActionVariant.PRIMARY,
        ),
    )
