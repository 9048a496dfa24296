"""Engine rule 7: what the hot tables have, by what PostgreSQL says of them after all migrations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from django.apps import apps
from django.db import connection, models

from agency.selectors.references import loose_references
from messaging.models import Contact, Recipient

# table → the column its unique keys and indexes begin with: the later partition key
HOT = {
    "messaging_recipient": "job_id",
    "messaging_deliveryevent": "received_on",
    "integrations_inboundevent": "received_on",
    "integrations_apicall": "called_on",
    "integrations_connectioncheck": "checked_on",
}
# Columns that look like a reference and are none; each with the reason.
NO_REFERENCE = {
    "agency.Alert.subject_id": "any record, also one that was deleted: an episode outlives what it was about",
    "agency.AuditEntry.subject_id": "any record, also one that was deleted: the log outlives what it speaks of",
    "agency.AuditEntry.user_id": "an account may be deleted; what it did stays",
    "agency.IdempotencyRecord.user_id": "gone after a week, and never followed",
}


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """One index: its first column, whether it is partial, whether it is the primary key."""

    name: str
    first: str
    partial: bool
    primary: bool


def indexes_of(table: str) -> list[IndexFacts]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname, a.attname, i.indpred IS NOT NULL, i.indisprimary
            FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
            WHERE i.indrelid = %s::regclass ORDER BY 1
            """,
            [table],
        )
        return [IndexFacts(*row) for row in cursor.fetchall()]


def foreign_keys(table: str) -> tuple[int, int]:
    """(foreign keys of the table, foreign keys of others to it)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE conrelid = %s::regclass), count(*) FILTER (WHERE confrelid = %s::regclass)"
            " FROM pg_constraint WHERE contype = 'f'",
            [table, table],
        )
        own, others = cursor.fetchone()
    return own, others


def one(statement: str, parameters: Sequence[str]) -> object:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        row = cursor.fetchone()
    return row[0] if row else None


def faults(table: str, leading: str) -> Iterator[str]:
    """Whatever a hot table must not have."""
    own, others = foreign_keys(table)
    if own > 1:
        yield f"{own} foreign keys"
    if others:
        yield f"{others} foreign keys of other tables point to it"
    for index in indexes_of(table):
        if not index.primary and not index.partial and index.first != leading:
            yield f"index {index.name} begins with {index.first}"
    if "fillfactor=70" not in str(
        one("SELECT array_to_string(reloptions, ',') FROM pg_class WHERE oid = %s::regclass", [table])
    ):
        yield "no fillfactor of 70"
    if one("SELECT count(*) FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal", [table]):
        yield "a trigger"
    key = one(
        "SELECT string_agg(format_type(a.atttypid, NULL), ',') FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid"
        " AND a.attnum = ANY(i.indkey) WHERE i.indrelid = %s::regclass AND i.indisprimary",
        [table],
    )
    if key != "bigint":
        yield f"its primary key is {key}"


@pytest.mark.django_db
@pytest.mark.parametrize("table", HOT)
def test_a_hot_table_is_as_the_engine_needs_it(table: str) -> None:
    assert list(faults(table, HOT[table])) == []


@pytest.mark.django_db
def test_a_warm_table_is_told_apart() -> None:
    """The same look finds everything that is wrong with a bad sample."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE sample (id int PRIMARY KEY, job_id bigint REFERENCES messaging_sendjob, contact_id bigint REFERENCES messaging_contact)"
        )
        cursor.execute("CREATE INDEX sample_contact ON sample (contact_id)")
        cursor.execute("CREATE INDEX sample_open ON sample (contact_id) WHERE job_id IS NULL")
        cursor.execute("CREATE TABLE sample_child (sample_id int REFERENCES sample)")
        cursor.execute("CREATE FUNCTION sample_history() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
        cursor.execute("CREATE TRIGGER history BEFORE UPDATE ON sample FOR EACH ROW EXECUTE FUNCTION sample_history()")
    assert list(faults("sample", "job_id")) == [
        "2 foreign keys",
        "1 foreign keys of other tables point to it",
        "index sample_contact begins with contact_id",
        "no fillfactor of 70",
        "a trigger",
        "its primary key is integer",
    ]


def plain_ids() -> Iterator[str]:
    """Columns of our models that are called like a reference and are plain numbers."""
    for model in apps.get_models():
        if model._meta.app_label not in {"agency", "integrations", "messaging", "outreach", "automations", "finance"}:
            continue
        for field in model._meta.concrete_fields:
            number = isinstance(field, models.BigIntegerField) or isinstance(
                getattr(field, "base_field", None), models.BigIntegerField
            )
            if number and not field.primary_key and str(field.column).endswith(("_id", "_ids")):
                yield f"{model._meta.label}.{field.column}"


def test_every_loose_id_is_looked_through_at_night_or_says_why_not() -> None:
    looked_through = {reference.name for reference in loose_references()}
    assert sorted(set(plain_ids()) - looked_through - set(NO_REFERENCE)) == []
    assert set(NO_REFERENCE) <= set(plain_ids())


def test_a_foreign_key_without_constraint_deletes_nothing() -> None:
    """A cascade would delete by a column that may have no index; PROTECT is for a column that an index begins with."""
    wrong = [
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey)
        and not getattr(field, "db_constraint", True)
        and getattr(field.remote_field, "on_delete", None) not in {models.DO_NOTHING, models.PROTECT}
    ]
    assert wrong == []
    assert {field.name for field in Recipient._meta.concrete_fields if field.related_model is Contact} == {"contact"}
