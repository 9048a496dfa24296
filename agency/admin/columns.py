"""Columns that many lists have."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from agency.admin.words import Tone

_LABELS: Mapping[str, str] = {"done": "success", "moving": "info", "look": "warning", "broken": "danger"}


def labels(tones: Mapping[Any, Tone]) -> dict[Any, str | None]:
    """The colours of states as Unfold's lists name them."""
    return {state: _LABELS.get(tone.name) for state, tone in tones.items()}


def state_column(tones: Mapping[Any, Tone], *, ordering: str | None = "state") -> Any:
    """The record's state, coloured by meaning: `state_label = state_column(TONES)`; `ordering=None` where no index orders by it."""

    @display(description=_("state"), ordering=ordering, label=labels(tones))
    def state_label(self: Any, record: Any) -> tuple[Any, str]:
        return record.state, record.get_state_display()

    return state_label
