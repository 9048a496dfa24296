"""The buttons of whatever sends for a while: pause it, resume it."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from agency.admin.buttons import OperationButton, calls
from agency.admin.forms import OptionalWhyForm
from agency.rules.roles import RUN_CAMPAIGNS


def pause_button(operation: Callable[..., object], key: str, **rest: Any) -> OperationButton:
    """Stops sending, with a reason. `operation` takes the record under the name `key`; the rest is as in `OperationButton`."""
    return OperationButton(
        "pause",
        _("Pause"),
        RUN_CAMPAIGNS,
        run=calls(operation, key, _("Paused. Nothing more is sent until it is resumed.")),
        form=OptionalWhyForm,
        icon="pause",
        variant=ActionVariant.PRIMARY,
        **rest,
    )


def resume_button(operation: Callable[..., object], key: str, **rest: Any) -> OperationButton:
    """Goes on with what was paused."""
    return OperationButton(
        "resume",
        _("Resume"),
        RUN_CAMPAIGNS,
        run=calls(operation, key, _("Resumed where it was.")),
        icon="play_arrow",
        variant=ActionVariant.PRIMARY,
        **rest,
    )
