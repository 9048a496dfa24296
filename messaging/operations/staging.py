"""Where the rows of a merge wait: tables of one session, or unlogged ones that several sessions work on together."""

import contextlib
import csv
import dataclasses
import io
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal

from django.db import connection, transaction

from messaging.operations.merge_plan import COPY_REJECTED, COPY_STAGE, create_stage, drop_tables

SCHEMA_PREFIX = "contact_import_"
_WORK_MEM = "96MB"  # sorts and hashes of a million rows stay in memory, in bounds
# New entries of the GIN indexes are sorted in by the thousand instead of one by one.
_PENDING_LIMIT = "32MB"
_WAITING_BATCHES = 2


@dataclasses.dataclass(frozen=True, slots=True)
class Stage:
    """`schema` is empty for tables of this session only."""

    schema: str

    @property
    def is_shared(self) -> bool:
        """Whether other sessions may work on it."""
        return bool(self.schema)

    @property
    def table_kind(self) -> Literal["UNLOGGED", "TEMPORARY"]:
        """How its tables are created. Neither survives a crash, nor must it."""
        return "UNLOGGED" if self.schema else "TEMPORARY"

    @contextlib.contextmanager
    def session(self) -> Iterator[None]:
        """A short transaction on this thread's connection, with the stage's tables in sight."""
        with transaction.atomic():
            _configure(self.schema, is_local=True)
            with connection.cursor() as cursor:
                # A chunk that a crash of the server takes back is merged again; the closing of the import waits for the disk.
                cursor.execute("SET LOCAL synchronous_commit TO off")
            yield


def _configure(schema: str, *, is_local: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('work_mem', %s, %s), set_config('gin_pending_list_limit', %s, %s)",
            [_WORK_MEM, is_local, _PENDING_LIMIT, is_local],
        )
        if schema:
            cursor.execute(
                "SELECT set_config('search_path', %s || ',' || current_setting('search_path'), %s)", [schema, is_local]
            )


@contextlib.contextmanager
def staging(name: str = "") -> Iterator[Stage]:
    """Make the staging tables and drop them at the end.

    With a name, and outside a transaction, they are shared; a stage of that name that a killed process left is replaced.
    """
    stage = Stage(schema=f"{SCHEMA_PREFIX}{name}" if name and _may_share() else "")
    with connection.cursor() as cursor:
        if stage.schema:
            cursor.execute(f"DROP SCHEMA IF EXISTS {stage.schema} CASCADE; CREATE SCHEMA {stage.schema}")
        _configure(stage.schema, is_local=False)
        create_stage(cursor, stage.table_kind)
    try:
        yield stage
    finally:
        # After a lost connection, or in an aborted transaction, there is nothing left to drop.
        if connection.is_usable() and not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("RESET work_mem; RESET gin_pending_list_limit")
                if stage.schema:
                    cursor.execute(f"RESET search_path; DROP SCHEMA {stage.schema} CASCADE")
                else:
                    drop_tables(cursor)


def _may_share() -> bool:
    """Whether other sessions would see what this one makes, and whether it may make a schema."""
    if connection.in_atomic_block:
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_database_privilege(current_database(), 'CREATE')")
        return bool(cursor.fetchone()[0])


def drop_abandoned_stages(running: Callable[[], Iterable[int]]) -> int:
    """Drop the stages of imports that do not run any more. Returns how many there were."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ %s", [f"^{SCHEMA_PREFIX}[0-9]+$"])
        found = [name for (name,) in cursor.fetchall()]
        # Asked only now: an import that has made its stage meanwhile is known as running by then.
        kept = {f"{SCHEMA_PREFIX}{record_id}" for record_id in running()}
        abandoned = [name for name in found if name not in kept]
        for name in abandoned:
            cursor.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")
    return len(abandoned)


class StageWriter:
    """Copies batches into the stage, on a connection of its own where the stage is shared, so that reading goes on."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._executor = ThreadPoolExecutor(1, "stage") if stage.is_shared else None
        self._waiting: list[Future[None]] = []

    def __enter__(self) -> "StageWriter":
        return self

    def __exit__(self, *error: object) -> None:
        if self._executor:
            self._executor.submit(_close_own_connection)
            self._executor.shutdown(wait=True)
        if error[0] is None:
            self._settle(0)

    def write(self, rows: bytes, rejected: Iterable[tuple[int, str]]) -> None:
        """Add rows, as CSV in the order of STAGE_COLUMNS, and rejected ones (number, reason). Raises what failed before."""
        rejected_text = io.StringIO()
        csv.writer(rejected_text).writerows(rejected)
        if self._executor is None:
            _copy(self._stage, rows, rejected_text.getvalue())
            return
        self._settle(_WAITING_BATCHES - 1)
        self._waiting.append(self._executor.submit(_copy, self._stage, rows, rejected_text.getvalue()))

    def _settle(self, may_wait: int) -> None:
        while len(self._waiting) > may_wait:
            self._waiting.pop(0).result()


def _close_own_connection() -> None:
    # Looked up here, in the thread that holds it.
    connection.close()


def _copy(stage: Stage, rows: bytes, rejected: str) -> None:
    with stage.session(), connection.cursor() as cursor:
        if rows:
            with cursor.copy(COPY_STAGE) as copy:
                copy.write(rows)
        if rejected:
            with cursor.copy(COPY_REJECTED) as copy:
                copy.write(rejected)


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


@contextlib.contextmanager
def one_at_a_time(name: str, *, wait: bool) -> Iterator[bool]:
    """Hold a lock of this session under a name. Gives False when it is held elsewhere and `wait` is not asked for."""
    function = "pg_advisory_lock" if wait else "pg_try_advisory_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(hashtextextended(%s, 0))", [name])
        is_held = wait or bool(cursor.fetchone()[0])
    try:
        yield is_held
    finally:
        if is_held and connection.is_usable() and not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])
