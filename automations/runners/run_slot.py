"""Running one slot in a worker: claim it, call its task, close it."""

from __future__ import annotations

import logging
import threading
from datetime import UTC
from types import TracebackType

from celery import current_app
from django.db import Error, connection

from automations.operations.slots import SLOT_LEASE, ClaimedSlot, claim_slot, fail_slot, finish_slot, renew_slot
from automations.states import SlotReason

logger = logging.getLogger(__name__)


def run_slot(*, slot_id: int) -> None:
    """Run a slot unless another worker runs it or it is finished; a second message for it changes nothing.

    The task is called with its own arguments and `slot`, its due time as ISO text in UTC. What it returns as text is kept
    as the slot's closing word. An error is recorded and tried again later, at most three times.
    """
    claimed = claim_slot(slot_id=slot_id)
    if claimed is None:
        return
    task = current_app.tasks.get(claimed.task)
    if task is None:
        fail_slot(claimed=claimed, reason=SlotReason.UNKNOWN_TASK, detail=claimed.task)
        return
    try:
        with _Lease(claimed):
            outcome = task(**claimed.kwargs, slot=claimed.slot.astimezone(UTC).isoformat())
    except Exception as error:  # the ledger is where a failing task is seen, retried and closed
        logger.exception("slot failed", extra={"schedule": claimed.key, "slot": claimed.slot.isoformat()})
        fail_slot(claimed=claimed, reason=SlotReason.ERROR, detail=f"{type(error).__name__}: {error}")
    else:
        finish_slot(claimed=claimed, detail=outcome if isinstance(outcome, str) else "")


class _Lease:
    """Renews a slot's lease from a thread of its own while the task runs in this one."""

    def __init__(self, claimed: ClaimedSlot) -> None:
        self._claimed = claimed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"slot {claimed.slot_id}", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _renew(self) -> None:
        try:
            while not self._stop.wait(SLOT_LEASE.total_seconds() / 3):
                try:
                    if not renew_slot(claimed=self._claimed):
                        return
                except Error:
                    logger.warning("slot lease not renewed", extra={"schedule": self._claimed.key}, exc_info=True)
                    connection.close()
        finally:
            connection.close()
