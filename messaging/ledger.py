"""Holding our ledger against a provider's own log of what it accepted: for the demo, the fault suite and audits.

*Lost*: a targeted row that is not final, or is sent (or later) with no acceptance, or was accepted and is neither sent or later nor unknown.
*Duplicated*: more than one acceptance for one (job, contact, step).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection

from integrations.sandbox.log import Acceptance
from messaging.states import OPEN_STATES, REACHED_STATES, Reason, RecipientState

SAMPLE = 5  # examples kept of each kind of disagreement


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """What the comparison found. The tuples hold a few recipient ids of each kind, to look at."""

    targeted: int
    accepted: int
    lost: int
    duplicated: int
    unknown: int
    open_rows: int
    strangers: int  # acceptances that belong to no recipient of these jobs
    lost_sample: tuple[int, ...] = ()
    duplicated_sample: tuple[int, ...] = ()

    @property
    def agree(self) -> bool:
        """Nothing lost, nothing twice."""
        return not (self.lost or self.duplicated or self.strangers)

    def __str__(self) -> str:
        verdict = "agree" if self.agree else "DISAGREE"
        return (
            f"ledger and provider log {verdict}: {self.lost} lost, {self.duplicated} duplicated, {self.unknown} unknown"
        )


def compare_ledger(job_ids: Sequence[int], acceptances: Iterable[Acceptance]) -> LedgerReport:
    """Compare the recipients of these jobs with what the provider says it accepted from us."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, state, reason, provider_id FROM messaging_recipient WHERE job_id = ANY(%s)", [list(job_ids)]
        )
        rows = {row[0]: row[1:] for row in cursor.fetchall()}
        # Where the provider neither echoes our reference nor had its answer heard, the address tells whose message it was.
        cursor.execute(
            "SELECT r.id, c.phone, c.email FROM messaging_recipient r JOIN messaging_contact c ON c.id = r.contact_id "
            "WHERE r.job_id = ANY(%s) AND r.state = %s",
            [list(job_ids), RecipientState.UNKNOWN],
        )
        unknown_by_address = {address: row[0] for row in cursor.fetchall() for address in row[1:] if address}
    by_provider_id = {row[2]: recipient_id for recipient_id, row in rows.items() if row[2]}
    accepted: Counter[int] = Counter()
    strangers = 0
    for acceptance in acceptances:
        recipient_id = _recipient_of(acceptance, rows, by_provider_id) or unknown_by_address.get(acceptance.to)
        if recipient_id is None:
            strangers += 1
        else:
            accepted[recipient_id] += 1
    lost = [recipient_id for recipient_id, row in rows.items() if _is_lost(row[0], row[1], accepted[recipient_id])]
    duplicated = [recipient_id for recipient_id, number in accepted.items() if number > 1]
    return LedgerReport(
        targeted=len(rows),
        accepted=len(accepted),
        lost=len(lost),
        duplicated=len(duplicated),
        unknown=sum(row[0] == RecipientState.UNKNOWN for row in rows.values()),
        open_rows=sum(row[0] in OPEN_STATES for row in rows.values()),
        strangers=strangers,
        lost_sample=tuple(sorted(lost)[:SAMPLE]),
        duplicated_sample=tuple(sorted(duplicated)[:SAMPLE]),
    )


def _recipient_of(
    acceptance: Acceptance, rows: dict[int, tuple[int, int, str]], by_provider_id: dict[str, int]
) -> int | None:
    for text in (acceptance.reference, acceptance.idempotency_key.rpartition(":")[2]):
        if text.isdigit() and int(text) in rows:
            return int(text)
    return by_provider_id.get(acceptance.provider_id)


def _is_lost(state: int, reason: int, acceptances: int) -> bool:
    if state in OPEN_STATES:
        return True
    if state in REACHED_STATES:
        return acceptances == 0
    # A message the provider accepted and later reported as failed is accounted for by that report.
    failed_later = state == RecipientState.FAILED and reason == Reason.PROVIDER_REFUSED
    return acceptances > 0 and state != RecipientState.UNKNOWN and not failed_later
