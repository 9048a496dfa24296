"""Loaded only by the senders of the row `aborted_batch`: a signal aborts the batch at work, as a defect in its loop would."""

import signal
from types import FrameType

from messaging.runners.batches import Batch
from tests.faults.poison import ABORT

_run = Batch.run
_at_work: list[Batch] = []


class Aborted(RuntimeError):
    """What the loop met."""


def _noted(self: Batch) -> int:
    _at_work.append(self)
    try:
        return _run(self)
    finally:
        _at_work.clear()


def _abort(number: int, frame: FrameType | None) -> None:
    if _at_work:
        raise Aborted


Batch.run = _noted  # type: ignore[method-assign]
signal.signal(ABORT, _abort)  # the children inherit it
