"""Deleting stored webhook deliveries and checks of connections, a piece at a time. The runner writes the audit entry, one a run."""

from django.conf import settings
from django.db import connection, transaction

from integrations.states import InboundState

# Received days come first in the unique index, so the oldest rows are found without reading the others. What still
# waits to be acted upon is never deleted.
_PRUNE = """
DELETE FROM integrations_inboundevent WHERE id IN (
    SELECT id FROM integrations_inboundevent
    WHERE received_on < (now() AT TIME ZONE 'UTC')::date - %(days)s AND state = ANY(%(states)s)
    ORDER BY received_on LIMIT %(limit)s
)
"""

_PRUNE_CHECKS = """
DELETE FROM integrations_connectioncheck WHERE id IN (
    SELECT id FROM integrations_connectioncheck
    WHERE checked_on < (now() AT TIME ZONE 'UTC')::date - %(days)s ORDER BY checked_on LIMIT %(limit)s
)
"""


@transaction.atomic
def prune_connection_checks(*, limit: int) -> int:
    """Delete at most `limit` of the oldest checks of connections. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(_PRUNE_CHECKS, {"days": settings.KEEP_DAYS["connection_checks"], "limit": limit})
        return int(cursor.rowcount)


@transaction.atomic
def prune_inbound_events(*, limit: int) -> int:
    """Delete at most `limit` deliveries that were acted upon or ignored. Returns how many."""
    return _prune("inbound_events", [InboundState.DONE, InboundState.IGNORED], limit)


@transaction.atomic
def prune_failed_inbound_events(*, limit: int) -> int:
    """Delete at most `limit` deliveries that nobody replayed in time. Returns how many."""
    return _prune("failed_inbound_events", [InboundState.FAILED], limit)


def _prune(name: str, states: list[int], limit: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_PRUNE, {"days": settings.KEEP_DAYS[name], "states": states, "limit": limit})
        return int(cursor.rowcount)
