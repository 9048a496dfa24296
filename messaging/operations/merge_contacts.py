"""Merging staged rows into the contacts of a client, by the rule of `merge_plan`, in short transactions."""

import dataclasses
import datetime
import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import IntegrityError, OperationalError, connection
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext as _

from agency.kit.errors import OperationRefused
from messaging.operations.merge_plan import make_plan
from messaging.operations.staging import Stage
from messaging.states import ChannelKind, ConsentState

PAGES_PER_CHUNK = 1_000  # about 25,000 persons and a second of work
WORKERS = 2  # connections that merge at once
MAX_ATTEMPTS = 6

_PHONE = "CASE WHEN left(person.key, 1) = 'p' THEN substr(person.key, 2) END"
_TAGS = "string_to_array(person.tags, E'\\x1f')::varchar[]"
_GIVEN = (
    "CROSS JOIN LATERAL (VALUES"
    f" ({ChannelKind.WHATSAPP.value}::smallint, person.consent_whatsapp),"
    f" ({ChannelKind.EMAIL.value}::smallint, person.consent_email),"
    f" ({ChannelKind.SMS.value}::smallint, person.consent_sms)) given (channel, state)"
)
_PROOF = "%(proof)s::jsonb || jsonb_build_object('row', person.last_row)"
_MAY_CHANGE = f"present.state = {ConsentState.GRANTED.value} AND given.state = {ConsentState.WITHDRAWN.value}"
_DIFFERS = f"""(
    person.name <> contact.name OR {_PHONE} IS DISTINCT FROM contact.phone AND left(person.key, 1) = 'p'
    OR person.email IS DISTINCT FROM contact.email AND person.email IS NOT NULL
    OR person.whatsapp_id IS DISTINCT FROM contact.whatsapp_id AND person.whatsapp_id IS NOT NULL
    OR person.language <> contact.language OR person.time_zone <> contact.time_zone
    OR NOT {_TAGS} <@ contact.tags
    OR (contact.attributes || person.attributes) <> contact.attributes)"""
_CREATE = f"""
    WITH person AS MATERIALIZED (
        SELECT person.*, nextval('messaging_contact_id_seq') AS new_id
        FROM contact_person person WHERE person.contact_id IS NULL AND {{where}}),
    made AS (
        INSERT INTO messaging_contact (id, client_id, name, phone, email, whatsapp_id, language, time_zone, tags, attributes)
        SELECT new_id, %(client)s, coalesce(name, ''), {_PHONE}, email, whatsapp_id, coalesce(language, ''),
               coalesce(time_zone, ''), coalesce({_TAGS}, '{{{{}}}}'), coalesce(attributes, '{{{{}}}}')
        FROM person),
    consented AS (
        INSERT INTO messaging_consent (contact_id, channel, state, source, proof, recorded_at, history)
        SELECT new_id, given.channel, given.state, %(source)s, {_PROOF}, %(recorded_at)s, '[]'
        FROM person {_GIVEN} WHERE given.state IS NOT NULL)
    SELECT {{result}} FROM person
"""
_UPDATE = f"""
    WITH changed AS (
        UPDATE messaging_contact contact SET
            name = coalesce(person.name, contact.name), phone = coalesce({_PHONE}, contact.phone),
            email = coalesce(person.email, contact.email),
            whatsapp_id = coalesce(person.whatsapp_id, contact.whatsapp_id),
            language = coalesce(person.language, contact.language),
            time_zone = coalesce(person.time_zone, contact.time_zone),
            tags = contact.tags || ARRAY(SELECT tag FROM unnest({_TAGS}) tag WHERE tag <> ALL (contact.tags)),
            attributes = contact.attributes || coalesce(person.attributes, '{{{{}}}}'), updated_at = now()
        FROM contact_person person
        WHERE contact.id = person.contact_id AND {{where}} AND {_DIFFERS} RETURNING contact.id),
    consented AS (
        INSERT INTO messaging_consent (contact_id, channel, state, source, proof, recorded_at, history)
        SELECT person.contact_id, given.channel, given.state, %(source)s, {_PROOF}, %(recorded_at)s, '[]'
        FROM contact_person person {_GIVEN}
        LEFT JOIN messaging_consent present
            ON present.contact_id = person.contact_id AND present.channel = given.channel
        WHERE person.contact_id IS NOT NULL AND given.state IS NOT NULL AND {{where}}
          AND (present.id IS NULL OR {_MAY_CHANGE})
        ON CONFLICT (contact_id, channel) DO UPDATE SET
            state = excluded.state, source = excluded.source, proof = excluded.proof, recorded_at = excluded.recorded_at,
            history = messaging_consent.history || jsonb_build_object(
                'state', messaging_consent.state, 'source', messaging_consent.source, 'proof', messaging_consent.proof,
                'recorded_at', messaging_consent.recorded_at)
            WHERE messaging_consent.state = {ConsentState.GRANTED.value} AND excluded.state = {ConsentState.WITHDRAWN.value}
        RETURNING contact_id)
    SELECT {{result}} FROM (SELECT id FROM changed UNION SELECT contact_id FROM consented) either
"""
_FORESEE = f"""
    SELECT count(*) FILTER (WHERE person.contact_id IS NULL),
           count(*) FILTER (WHERE person.contact_id IS NOT NULL AND ({_DIFFERS} OR EXISTS (
               SELECT 1 FROM (SELECT 1) one {_GIVEN}
               LEFT JOIN messaging_consent present
                   ON present.contact_id = person.contact_id AND present.channel = given.channel
               WHERE given.state IS NOT NULL AND (present.id IS NULL OR {_MAY_CHANGE}))))
    FROM contact_person person LEFT JOIN messaging_contact contact ON contact.id = person.contact_id
"""
_CATALOGUE_TAGS = f"""
    INSERT INTO messaging_tag (client_id, name)
    SELECT %(client)s, name FROM (
        SELECT DISTINCT unnest({_TAGS}) AS name FROM (SELECT DISTINCT tags FROM contact_person) person) used
    WHERE NOT EXISTS (SELECT 1 FROM messaging_tag tag WHERE tag.client_id = %(client)s AND tag.name = used.name)
    ON CONFLICT DO NOTHING
"""
# Joins of the persons of a chunk with their contacts go by key: the planner, which does not know yet how many contacts the import itself has
# added, would read them all for every chunk.
_BY_KEY = "SET LOCAL enable_hashjoin TO off; SET LOCAL enable_mergejoin TO off"
_AS_PLANNED = "SET LOCAL enable_hashjoin TO DEFAULT; SET LOCAL enable_mergejoin TO DEFAULT"
_SWAPPING = (
    """(person.key IN (SELECT key FROM contact_swap) OR person.contact_id IN (SELECT owner FROM contact_swap))"""
)
_NOT_SWAPPED = "person.key NOT IN (SELECT key FROM contact_swap)"
# A contact that is without a phone gets the one of its own row at once, so that it is never without any address.
_LET_GO = f"""
    UPDATE messaging_contact contact SET {{address}} = NULL, phone = coalesce(contact.phone, (
        SELECT {_PHONE} FROM contact_person person WHERE person.contact_id = contact.id AND left(person.key, 1) = 'p' LIMIT 1))
    FROM contact_swap swap JOIN contact_person taker USING (key)
    WHERE contact.id = swap.owner AND contact.{{address}} = taker.{{address}}
"""


@dataclasses.dataclass(frozen=True, slots=True)
class MergeSource:
    """Where the rows come from: kept with each consent as its proof."""

    source: str
    proof: Mapping[str, Any]
    recorded_at: datetime.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class MergeCounts:
    """What came of the staged rows. rows = created + updated + unchanged + merged + rejected."""

    rows: int
    created: int
    updated: int
    unchanged: int
    merged: int
    rejected: int


@dataclasses.dataclass(frozen=True, slots=True)
class ChunkDone:
    """One short transaction of a merge: how many contacts it wrote, and the share of all persons seen so far (0–1)."""

    created: int
    updated: int
    share: float


def foresee_merge(stage: Stage, client_id: int, rejected_before: int) -> MergeCounts:
    """What a merge of the staged rows would do; writes no record."""
    with connection.cursor() as cursor:
        make_plan(cursor, client_id, stage.table_kind)
        cursor.execute(_FORESEE)
        created, updated = cursor.fetchone()
    return count_rows(created, updated, rejected_before)


def merge_staged(stage: Stage, client_id: int, source: MergeSource, on_chunk: Callable[[ChunkDone], None]) -> None:
    """Merge all staged rows in transactions of about a second; `on_chunk` runs inside each of them, in its thread.

    Contacts that change meanwhile make the plan be made again; what is merged then counts as unchanged.
    Raises OperationRefused("contacts_busy") when that happens again and again.
    """
    for _attempt in range(MAX_ATTEMPTS):
        try:
            _merge_once(stage, client_id, merge_parameters(client_id, source), on_chunk)
        except (IntegrityError, OperationalError) as error:
            if not is_passing(error):
                raise
            continue
        return
    raise OperationRefused("contacts_busy", _("The contacts are being changed by others; try again."))


def is_passing(error: Exception) -> bool:
    """Unique or foreign key violated by a change of others, deadlock, serialization: worth planning again."""
    return getattr(error.__cause__, "sqlstate", "") in {"23505", "23503", "40P01", "40001"}


def _merge_once(
    stage: Stage, client_id: int, parameters: Mapping[str, Any], on_chunk: Callable[[ChunkDone], None]
) -> None:
    with connection.cursor() as cursor:
        make_plan(cursor, client_id, stage.table_kind)
        with stage.session():
            catalogue_tags(cursor, parameters)
            created, updated = merge_where(cursor, parameters, _SWAPPING) if let_go(cursor) else (0, 0)
            on_chunk(ChunkDone(created=created, updated=updated, share=0.0))
        cursor.execute("SELECT pg_relation_size('contact_person') / current_setting('block_size')::int")
        pages = cursor.fetchone()[0]
    chunks = _Chunks(pages)

    def merge_chunks() -> None:
        for first, last in chunks:
            where = f"person.ctid >= '({first},0)' AND person.ctid < '({last},0)' AND {_NOT_SWAPPED}"
            with stage.session(), connection.cursor() as own_cursor:
                made, changed = merge_where(own_cursor, parameters, where)
                on_chunk(ChunkDone(created=made, updated=changed, share=last / pages))

    if not stage.is_shared or pages <= PAGES_PER_CHUNK:
        merge_chunks()
        return
    with ThreadPoolExecutor(WORKERS, "merge") as executor:
        workers = [executor.submit(_with_own_connection, merge_chunks, chunks) for _worker in range(WORKERS)]
    for worker in workers:
        worker.result()


class _Chunks:
    """Page ranges of the persons, handed out to whoever is free, until one failed."""

    def __init__(self, pages: int) -> None:
        self._lock = threading.Lock()
        self._ranges = iter(
            [(first, min(first + PAGES_PER_CHUNK, pages)) for first in range(0, pages, PAGES_PER_CHUNK)]
        )

    def __iter__(self) -> "_Chunks":
        return self

    def __next__(self) -> tuple[int, int]:
        with self._lock:
            return next(self._ranges)

    def stop(self) -> None:
        """Hand out no more."""
        with self._lock:
            self._ranges = iter([])


def _with_own_connection(work: Callable[[], None], chunks: _Chunks) -> None:
    try:
        work()
    except BaseException:
        chunks.stop()
        raise
    finally:
        connection.close()


def merge_parameters(client_id: int, source: MergeSource) -> dict[str, Any]:
    """What the merging statements need."""
    return {
        "client": client_id,
        "source": source.source[:200],
        "proof": json.dumps(dict(source.proof)),
        "recorded_at": source.recorded_at,
    }


def catalogue_tags(cursor: CursorWrapper, parameters: Mapping[str, Any]) -> None:
    """Put the tags of the planned persons into the client's catalogue."""
    cursor.execute(_CATALOGUE_TAGS, parameters)


def let_go(cursor: CursorWrapper) -> bool:
    """Free the addresses that one contact hands to another. Returns whether there are any."""
    cursor.execute("SELECT 1 FROM contact_swap LIMIT 1")
    if not cursor.fetchone():
        return False
    for address in ("email", "whatsapp_id"):
        cursor.execute(_LET_GO.format(address=address))
    return True


def merge_where(cursor: CursorWrapper, parameters: Mapping[str, Any], where: str) -> tuple[int, int]:
    """Create and update the contacts of the persons that fulfil the condition. Returns how many of each."""
    _update(cursor, parameters, where=where, result="count(*)")
    updated = cursor.fetchone()[0]
    cursor.execute(_CREATE.format(where=where, result="count(*)"), parameters)
    return cursor.fetchone()[0], updated


def _update(cursor: CursorWrapper, parameters: Mapping[str, Any], *, where: str, result: str) -> None:
    with connection.cursor() as settings:
        settings.execute(_BY_KEY)
        cursor.execute(_UPDATE.format(where=where, result=result), parameters)
        settings.execute(_AS_PLANNED)


def list_merged(cursor: CursorWrapper, parameters: Mapping[str, Any]) -> tuple[dict[str, int], set[int]]:
    """Create and update all planned persons. Returns the new contacts by person key, and the ids of the changed ones."""
    _update(cursor, parameters, where="TRUE", result="id")
    updated = {contact_id for (contact_id,) in cursor.fetchall()}
    cursor.execute(_CREATE.format(where="TRUE", result="key, new_id"), parameters)
    return dict(cursor.fetchall()), updated


def count_rows(created: int, updated: int, rejected_before: int) -> MergeCounts:
    """The counts of the planned rows. rejected_before: rows refused while reading, which never reached the stage."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), coalesce(sum(row_count), 0) FROM contact_person")
        persons, accepted = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM contact_stage")
        staged = cursor.fetchone()[0]
    return MergeCounts(
        rows=staged + rejected_before,
        created=created,
        updated=updated,
        unchanged=persons - created - updated,
        merged=accepted - persons,
        rejected=staged - accepted + rejected_before,
    )
