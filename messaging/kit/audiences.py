"""Live audiences: who asks, at each claim, whether a person still belongs to whom a job is for.

Messaging knows no segment. A package above registers a check under a name in its `apps.py`; a job that carries the name is asked about
again in each claim's transaction, and whoever does not belong any more is skipped.

    register_audience("outreach.segment", "campaigns.outreach.selectors.audience.still_in_segment")
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from django.utils.module_loading import import_string

# (job id, contact ids, now) → the contacts that still belong; one query for at most 200 contacts, inside the claim's transaction
Check = Callable[[int, Sequence[int], datetime], Collection[int]]

_checks: dict[str, str] = {}


def register_audience(name: str, check: str) -> None:
    """Let jobs name this check; by its dotted path, because selectors read models, which exist only once every app is loaded."""
    _checks[name] = check


def still_in(name: str, *, job_id: int, contact_ids: Sequence[int], now: datetime) -> Collection[int]:
    """The contacts that still belong. Raises LookupError for a name nobody registered: better nothing is sent than to the wrong people."""
    if name not in _checks:
        raise LookupError(f"no audience is registered as {name!r}")
    check: Check = import_string(_checks[name])
    return check(job_id, contact_ids, now)
