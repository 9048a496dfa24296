"""The ledger of calls: what each cost, took and came to; kept in memory for a second and written in batches.

    with calling_for("A08"):                 # who the calls are made for; shows in the ledger
        client.insights(...)

The ledger never fails a call: what cannot be written is counted and logged. At most a second of entries is lost with a killed process.
"""

import atexit
import contextlib
import contextvars
import logging
import threading
import time
from collections.abc import Iterator

from django.db import Error, transaction

from agency.kit import metrics
from integrations.operations.api_calls import CallEntry, record_api_calls

logger = logging.getLogger(__name__)

KEEP_SECONDS = 1.0
KEEP_ENTRIES = 200
MOST_ENTRIES = 20_000  # kept while the database is away

_purpose: contextvars.ContextVar[str] = contextvars.ContextVar("calling_for", default="")
_entries: list[CallEntry] = []
_lock = threading.Lock()
_written_at = time.monotonic()


@contextlib.contextmanager
def calling_for(purpose: str) -> Iterator[None]:
    """Name what the calls inside are made for: an automation's code, a campaign, a person's test."""
    token = _purpose.set(purpose[:40])
    try:
        yield
    finally:
        _purpose.reset(token)


def present_purpose() -> str:
    """What calls are being made for now; empty when nobody said."""
    return _purpose.get()


def note(entry: CallEntry) -> None:
    """Keep an entry; the main thread writes the batch when it is a second old or large enough, and no transaction is open.

    Other threads only add: they would each keep a database connection open for it.
    """
    with _lock:
        _entries.append(entry)
        due = len(_entries) >= KEEP_ENTRIES or time.monotonic() - _written_at >= KEEP_SECONDS
    if due and threading.current_thread() is threading.main_thread():
        write_out()


def write_out() -> None:
    """Write what is kept. Called after each task and request, and at the end of the process."""
    global _written_at
    if transaction.get_connection().in_atomic_block and not _is_a_test():
        return
    with _lock:
        batch, _entries[:] = list(_entries), []
        _written_at = time.monotonic()
    if not batch:
        return
    try:
        record_api_calls(entries=batch)
    except Error as error:
        logger.warning("calls not written to the ledger", extra={"calls": len(batch), "error": str(error)})
        with _lock:
            room = max(0, MOST_ENTRIES - len(_entries))
            _entries[:0] = batch[:room]
        if len(batch) > room:
            metrics.add("api_calls_lost", len(batch) - room)


def _is_a_test() -> bool:
    blocks = transaction.get_connection().atomic_blocks
    return bool(blocks) and bool(blocks[-1]._from_testcase)


atexit.register(write_out)
