"""Keeping what a look at loose references found."""

from collections.abc import Mapping

from django.core.cache import cache
from django.utils import timezone

from agency.selectors.references import LAST_LOOK


def note_look(*, found: Mapping[str, int]) -> None:
    """A complete look has ended; orphans by reference are kept in the cache for the check. No business data, so no audit entry."""
    cache.set(LAST_LOOK, (timezone.now(), dict(found)), timeout=None)
