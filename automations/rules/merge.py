"""How a declaration and a person's edit come together: field by field, the person wins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def merged(base: Mapping[str, Any], current: Mapping[str, Any], declared: Mapping[str, Any]) -> dict[str, Any]:
    """Return each field's value: the declared one, unless the current one differs from the declaration applied last."""
    return {
        name: current[name] if name in base and current[name] != base[name] else value
        for name, value in declared.items()
    }


def changed_fields(base: Mapping[str, Any], current: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the fields that a person changed since the declaration was applied."""
    return tuple(sorted(name for name, value in base.items() if name in current and current[name] != value))
