"""One slot's way through a worker: claim, renew, close; and what a person may do with it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from agency.kit.queue import enqueue_after_commit
from agency.operations.audit import record_audit
from automations.models import Slot
from automations.states import NEXT_STATES, SlotReason, SlotState

SLOT_LEASE = timedelta(seconds=30)
"""A worker that runs a slot renews its lease every third of this; a silent one is replaced after it."""

MAX_ATTEMPTS = 3
RUN_TASK = "automations.run_slot"


@dataclass(frozen=True, slots=True)
class ClaimedSlot:
    """A slot that this process, and no other, runs now."""

    slot_id: int
    key: str
    slot: datetime
    task: str
    kwargs: Mapping[str, Any]
    token: uuid.UUID
    attempt: int


@transaction.atomic(durable=True)
def claim_slot(*, slot_id: int) -> ClaimedSlot | None:
    """Take a slot that is due, or whose worker fell silent; None when it runs, is finished or is gone."""
    row = Slot.objects.select_for_update(skip_locked=True).filter(pk=slot_id).annotate(now=Now()).first()
    if row is None or row.attempt >= MAX_ATTEMPTS:
        return None
    silent = row.state == SlotState.RUNNING and row.lease_until is not None and row.lease_until < row.now
    if row.state != SlotState.DUE and not silent:
        return None
    token = uuid.uuid4()
    Slot.objects.filter(pk=row.pk).update(
        state=SlotState.RUNNING,
        lease_token=token,
        lease_until=Now() + SLOT_LEASE,
        attempt=F("attempt") + 1,
        started_at=Now(),
        nudged_at=row.nudged_at or row.now,
    )
    return ClaimedSlot(row.pk, row.key, row.slot, row.task, row.kwargs, token, row.attempt + 1)


def renew_slot(*, claimed: ClaimedSlot) -> bool:
    """Keep the lease for another 30 s; False when another worker has it by now."""
    return _still_ours(claimed).update(lease_until=Now() + SLOT_LEASE) == 1


def finish_slot(*, claimed: ClaimedSlot, detail: str = "") -> bool:
    """Close a slot that ran to its end; False when another worker has it by now."""
    done = {"state": SlotState.DONE, "reason": "", "detail": detail[:500], "finished_at": Now(), "lease_token": None}
    return _still_ours(claimed).update(**done) == 1


def fail_slot(*, claimed: ClaimedSlot, reason: SlotReason, detail: str) -> bool:
    """Note a failed attempt: due again after a while, or failed for good after the third; False when no longer ours."""
    final = claimed.attempt >= MAX_ATTEMPTS or reason is SlotReason.UNKNOWN_TASK
    change: dict[str, Any] = {"detail": detail[:500], "lease_token": None, "nudged_at": Now()}
    if final:
        change |= {"state": SlotState.FAILED, "reason": reason, "finished_at": Now()}
    else:
        change |= {"state": SlotState.DUE}
    return _still_ours(claimed).update(**change) == 1


def quarantine_silent_slots() -> int:
    """Close slots whose worker fell silent in the last allowed attempt (a task that kills its process); return how many."""
    return Slot.objects.filter(state=SlotState.RUNNING, lease_until__lt=Now(), attempt__gte=MAX_ATTEMPTS).update(
        state=SlotState.FAILED, reason=SlotReason.LOST, finished_at=Now(), lease_token=None
    )


@transaction.atomic
def retry_slot(*, actor: Actor, slot_id: int, why: str = "") -> Slot:
    """Let a failed or missed slot run after all, with its own due time. Refused for any other state."""
    row = Slot.objects.select_for_update().get(pk=slot_id)
    if SlotState.DUE not in NEXT_STATES[SlotState(row.state)] or row.state == SlotState.RUNNING:
        raise OperationRefused("slot_not_open", _("Only a failed or missed slot can be run again."))
    before = {"state": row.state, "reason": row.reason}
    # Counted as told: a slot that a person asks for is not judged by the policy for missed ones.
    Slot.objects.filter(pk=row.pk).update(
        state=SlotState.DUE, reason=SlotReason.STARTED, attempt=0, nudges=1, nudged_at=Now(), finished_at=None
    )
    record_audit(actor=actor, action="slot.retry", subject=row, before=before, after={"state": SlotState.DUE}, why=why)
    enqueue_after_commit(RUN_TASK, row.pk)
    row.refresh_from_db()
    return row


@transaction.atomic
def prune_slots(*, limit: int) -> int:
    """Delete at most `limit` slots that ran long enough ago; failed and missed ones stay as evidence. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM automations_slot WHERE id IN (SELECT id FROM automations_slot WHERE state = 'done'"
            " AND slot < clock_timestamp() - make_interval(days => %s) ORDER BY slot LIMIT %s)",
            [settings.KEEP_DAYS["slots"], limit],
        )
        return int(cursor.rowcount)


def _still_ours(claimed: ClaimedSlot) -> QuerySet[Slot]:
    return Slot.objects.filter(pk=claimed.slot_id, state=SlotState.RUNNING, lease_token=claimed.token)
