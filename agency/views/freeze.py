"""What every page for people who are signed in says while everything stands still."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from agency.selectors.freeze import current_freeze


def freeze_notice(request: HttpRequest) -> dict[str, Any]:
    """`freeze` in templates: the present one, asked for only by pages that show it; empty for somebody unknown."""
    return {"freeze": SimpleLazyObject(current_freeze)}
