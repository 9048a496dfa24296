"""Writing the ledger of calls, in batches. It is a log of machines: no audit entry."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal

from django.conf import settings
from django.db import connection, transaction

from integrations.models import ApiCall
from integrations.states import CallOutcome


@dataclass(frozen=True, slots=True)
class CallEntry:
    """One row of the ledger; the fields of `ApiCall`."""

    called_at: datetime
    service: str
    connection_id: int
    operation: str
    outcome: CallOutcome
    code: str
    milliseconds: int
    attempts: int
    calls: int
    units: int
    cost: Decimal
    currency: str
    purpose: str


@transaction.atomic
def record_api_calls(*, entries: Sequence[CallEntry]) -> None:
    """Append entries."""
    ApiCall.objects.bulk_create(
        [ApiCall(called_on=entry.called_at.astimezone(UTC).date(), **asdict(entry)) for entry in entries],
        batch_size=1000,
    )


@transaction.atomic
def prune_api_calls(*, limit: int) -> int:
    """Delete at most `limit` of the oldest entries. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM integrations_apicall WHERE id IN (
                SELECT id FROM integrations_apicall
                WHERE called_on < (now() AT TIME ZONE 'UTC')::date - %(days)s ORDER BY called_on LIMIT %(limit)s
            )
            """,
            {"days": settings.KEEP_DAYS["api_calls"], "limit": limit},
        )
        return int(cursor.rowcount)
