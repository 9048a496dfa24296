"""Putting rows into the staging tables of this session."""

import contextlib
import csv
import io
from collections.abc import Iterable, Iterator

from django.db import connection
from django.db.backends.utils import CursorWrapper

from messaging.operations.merge_plan import COPY_REJECTED, COPY_STAGE, create_stage, drop_tables

# The session's own settings while it merges: sorts and hashes of a million rows stay in memory, in bounds.
_WORK_MEM = "96MB"


@contextlib.contextmanager
def staging() -> Iterator[None]:
    """Make the staging tables of this session, and drop them at the end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('work_mem', %s, false)", [_WORK_MEM])
        create_stage(cursor)
    try:
        yield
    finally:
        # After a lost connection, or in an aborted transaction, there is nothing left to drop.
        if connection.is_usable() and not connection.needs_rollback:
            with connection.cursor() as cursor:
                drop_tables(cursor)
                cursor.execute("RESET work_mem")


def copy_rows(text: bytes) -> None:
    """Add rows, as CSV in the order of STAGE_COLUMNS, to the stage."""
    with connection.cursor() as cursor, cursor.copy(COPY_STAGE) as copy:
        copy.write(text)


def copy_rejected(rejected: Iterable[tuple[int, str]]) -> None:
    """Note rows (number, reason) that never reach the stage."""
    text = io.StringIO()
    csv.writer(text).writerows(rejected)
    with connection.cursor() as cursor, cursor.copy(COPY_REJECTED) as copy:
        copy.write(text.getvalue())


def rejected_reasons() -> dict[str, int]:
    """How many rows were rejected, by reason."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reason, count(*) FROM contact_rejected GROUP BY reason ORDER BY reason")
        return dict(cursor.fetchall())


def rejected_rows() -> Iterator[tuple[int, str]]:
    """The rejected rows (number, reason) in the order of the file, a few thousand at a time."""
    last = -1
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT row_no, reason FROM contact_rejected WHERE row_no > %s ORDER BY row_no LIMIT 10000", [last]
            )
            found = cursor.fetchall()
        if not found:
            return
        yield from found
        last = found[-1][0]


def one_at_a_time(cursor: CursorWrapper, name: str, *, wait: bool) -> bool:
    """Take a lock of this session under a name; False when it is held elsewhere and `wait` is not asked for."""
    if wait:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [name])
        return True
    cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name])
    return bool(cursor.fetchone()[0])


def let_others(cursor: CursorWrapper, name: str) -> None:
    """Give the lock back."""
    cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])
