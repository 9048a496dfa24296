"""The steps of docs/partitioning.md, as they stand there, turn plain tables with rows into partitioned ones that the product goes on using."""

import re
from collections.abc import Iterator

import psycopg
import pytest

from tests.committed import Live
from tests.house.source import ROOT

BLOCKS = dict(re.findall(r"```sql ([\w-]+)\n(.*?)```", (ROOT / "docs/partitioning.md").read_text("utf-8"), re.DOTALL))
# Table → (prefix of its blocks, boundary)
TABLES = {"messaging_recipient": ("recipient", "1000"), "messaging_deliveryevent": ("event", "'2027-01-01'")}


@pytest.fixture
def scratch(live: Live) -> Iterator[psycopg.Connection]:
    """A connection to a copy of the migrated database that nothing else knows."""
    with psycopg.connect(live.environment["DATABASE_URL"], autocommit=True) as copy:
        yield copy


def fill(copy: psycopg.Connection) -> None:
    """Ten recipients of each of nine jobs, and a delivery report of every one. No key asks for the jobs themselves."""
    copy.execute(
        "INSERT INTO messaging_recipient (job_id, contact_id) SELECT 1 + g % 9, 1 + g / 9 FROM generate_series(0, 89) g"
    )
    copy.execute(
        "INSERT INTO messaging_deliveryevent (received_on, connection_id, provider_event_id, provider_message_id, state, occurred_at, recipient_id)"
        " SELECT date '2026-11-01' + id::int % 20, 1, 'e' || id, 'm' || id, 20, now(), id FROM messaging_recipient"
    )


def run(copy: psycopg.Connection, block: str, boundary: str) -> None:
    for statement in BLOCKS[block].replace(":boundary", boundary).split(";"):
        if statement.strip():
            copy.execute(statement)


def rows(copy: psycopg.Connection, statement: str) -> list[tuple[object, ...]]:
    return copy.execute(statement).fetchall()


def plain_indexes(copy: psycopg.Connection, table: str) -> set[str]:
    """Columns, uniqueness and condition of every index but the primary key, without their names."""
    definitions = rows(
        copy,
        f"SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = '{table}'::regclass AND NOT indisprimary",
    )
    return {re.sub(r"^CREATE (UNIQUE )?INDEX \S+ ON (ONLY )?\S+", r"\1", str(text)) for (text,) in definitions}


def test_the_steps_turn_plain_tables_into_partitioned_ones(scratch: psycopg.Connection) -> None:
    fill(scratch)
    for table, (prefix, boundary) in TABLES.items():
        before = rows(scratch, f"SELECT * FROM {table} ORDER BY id")
        assert len(before) == 90
        indexes = plain_indexes(scratch, table)
        # Every block that may be repeated is repeated, as after a crash.
        for step in ("promise", "promise", "prepare", "prepare", "swap"):
            run(scratch, f"{prefix}-{step}", boundary)
        assert rows(scratch, f"SELECT * FROM {table} ORDER BY id") == before
        assert plain_indexes(scratch, table) >= indexes, "an index of the migrations is missing in docs/partitioning.md"
        parts = rows(
            scratch,
            f"SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = '{table}'::regclass ORDER BY 1",
        )
        assert parts == [(f"{prefix}_before_boundary",), (f"{prefix}_from_boundary",)]
        unattached = rows(
            scratch,
            "SELECT indexrelid::regclass::text FROM pg_index i WHERE NOT indisprimary"
            f" AND indrelid = '{prefix}_before_boundary'::regclass"
            " AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = i.indexrelid)",
        )
        assert unattached == []


def test_the_engines_statements_go_on_working(scratch: psycopg.Connection) -> None:
    fill(scratch)
    for prefix, boundary in TABLES.values():
        for step in ("promise", "prepare", "swap"):
            run(scratch, f"{prefix}-{step}", boundary)
    last = int(str(rows(scratch, "SELECT max(id) FROM messaging_recipient")[0][0]))
    again = "INSERT INTO messaging_recipient (job_id, contact_id) VALUES {} ON CONFLICT (job_id, contact_id, step) DO NOTHING"
    assert scratch.execute(again.format("(8, 1), (1001, 1)")).rowcount == 1
    (newest,) = rows(scratch, "SELECT id, tableoid::regclass::text FROM messaging_recipient ORDER BY id DESC LIMIT 1")
    # One number went to the row that was there already.
    assert newest == (last + 2, "recipient_from_boundary")
    with pytest.raises(psycopg.errors.CheckViolation, match="no partition"):
        scratch.execute("INSERT INTO messaging_recipient (job_id, contact_id) VALUES (999999, 1)")
    claim = (
        "UPDATE messaging_recipient SET state = 1 WHERE id = ANY(ARRAY(SELECT id FROM messaging_recipient"
        " WHERE job_id = 8 AND state = 0 AND not_before <= now() ORDER BY not_before, id LIMIT 4 FOR UPDATE SKIP LOCKED))"
    )
    assert scratch.execute(claim).rowcount == 4
    event = (
        "INSERT INTO messaging_deliveryevent (received_on, connection_id, provider_event_id, provider_message_id, state, occurred_at)"
        " VALUES ('{}', 1, 'late', 'm', 20, now()) ON CONFLICT (received_on, connection_id, provider_event_id) DO NOTHING"
    )
    assert [scratch.execute(event.format(day)).rowcount for day in ("2026-12-31", "2027-01-01", "2027-01-01")] == [
        1,
        1,
        0,
    ]
    scratch.execute("ALTER TABLE messaging_deliveryevent DETACH PARTITION event_before_boundary CONCURRENTLY")
    scratch.execute("DROP TABLE event_before_boundary")
    assert rows(scratch, "SELECT count(*) FROM messaging_deliveryevent") == [(1,)]
