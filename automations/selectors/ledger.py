"""What Beat must tell workers about: slots that wait, and slots whose worker fell silent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from automations.models import Slot
from automations.states import SlotState

# A slot that no worker takes is told again after a minute, then less and less often: the queue may simply be long.
_STALE = """
SELECT id, key, queue, slot FROM automations_slot
WHERE (state = 'due' AND nudged_at IS NOT NULL
       AND nudged_at + make_interval(secs => least(60 * 2 ^ greatest(nudges - 1, 0), 600)) < clock_timestamp())
   OR (state = 'due' AND nudged_at IS NULL AND scope <> '')
   OR (state = 'running' AND lease_until < clock_timestamp() AND nudged_at < clock_timestamp() - interval '10 seconds')
ORDER BY id LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Nudge:
    """One message to publish: “run this slot”, on the queue of its schedule."""

    slot_id: int
    key: str
    queue: str
    slot: datetime


def unpublished_keys() -> frozenset[str]:
    """Return the schedules that have a slot which the broker has not taken yet."""
    waiting = Slot.objects.filter(state=SlotState.DUE, nudged_at__isnull=True, scope="")
    return frozenset(waiting.values_list("key", flat=True).distinct())


def stale_nudges(limit: int = 200) -> list[Nudge]:
    """Return slots to tell a worker about again, oldest first: never taken, or taken by a worker that fell silent."""
    with connection.cursor() as cursor:
        cursor.execute(_STALE, [limit])
        return [Nudge(*row) for row in cursor.fetchall()]
