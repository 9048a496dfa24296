"""The rule by which rows become contacts, in SQL, for the importer and the API alike.

A row names up to three addresses: phone, e-mail, WhatsApp id, the telling ones first. **Within the client, a row means
the contact with its phone; without a phone, the contact with its e-mail; else the one with its WhatsApp id.** A row
whose phone is new means the contact with its e-mail or WhatsApp id if that contact has no phone yet. Rows that mean the
same person are merged in the order of the file. **A value that is filled wins over the older one, an empty one never
erases; tags and attributes are added to.** An e-mail (or WhatsApp id) that belongs to another contact, or that an
earlier row gave to another person, makes the row rejected, unless the other contact gets a new one in the same file. A
consent may be given or withdrawn by a row, but a withdrawal stands against a later "yes" from a file. The same rows
merged again change nothing.

The rows wait in tables that only the merge sees: `contact_stage` (as read), `contact_person` (one row per person, with
the contact it means), `contact_member` (rows of persons named more than once), `contact_rejected`.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from django.db.backends.utils import CursorWrapper

from messaging.states import RejectReason

TableKind: TypeAlias = Literal["UNLOGGED", "TEMPORARY"]
STAGE_COLUMNS = (
    "row_no, phone, email, whatsapp_id, name, language, time_zone, tags, attributes,"
    " consent_whatsapp, consent_email, consent_sms"
)
_TABLES = (
    "contact_stage",
    "contact_person",
    "contact_member",
    "contact_rejected",
    "contact_contested",
    "contact_swap",
)
# Tables that live for a minute need no vacuum; it would only compete with the merge.
CREATE_STAGE = """
    CREATE {kind} TABLE contact_stage (
        row_no integer, phone text, email text, whatsapp_id text, name text, language text, time_zone text, tags text,
        attributes jsonb, consent_whatsapp smallint, consent_email smallint, consent_sms smallint)
        WITH (autovacuum_enabled = false);
    CREATE {kind} TABLE contact_rejected (row_no integer, reason text)
"""
COPY_STAGE = f"COPY contact_stage ({STAGE_COLUMNS}) FROM STDIN (FORMAT csv)"
COPY_REJECTED = "COPY contact_rejected (row_no, reason) FROM STDIN (FORMAT csv)"

# Each row with the key of the person it means: p+phone, e+e-mail or w+WhatsApp id, and who holds its addresses now.
_KEYED = """
    CREATE {kind} TABLE contact_person WITH (autovacuum_enabled = false) AS
    SELECT keyed.*, 1 AS row_count, keyed.row_no AS last_row,
           coalesce(by_phone.id, by_key_email.id, by_key_id.id,
                    CASE WHEN left(key, 1) = 'p' AND email_phone IS NULL THEN email_owner END,
                    CASE WHEN left(key, 1) = 'p' AND id_phone IS NULL
                          AND (keyed.email IS NULL OR id_email IS NULL OR id_email = keyed.email) THEN id_owner END,
                    CASE WHEN left(key, 1) = 'e' AND id_email IS NULL AND id_phone IS NULL THEN id_owner END
           ) AS contact_id
    FROM (
        SELECT stage.*, by_email.id AS email_owner, by_email.phone AS email_phone,
               by_id.id AS id_owner, by_id.phone AS id_phone, by_id.email AS id_email,
               CASE WHEN stage.phone IS NOT NULL THEN 'p' || stage.phone
                    WHEN stage.email IS NOT NULL
                        THEN coalesce('p' || by_email.phone, 'p' || named.phone, 'e' || stage.email)
                    ELSE coalesce('p' || by_id.phone, 'e' || by_id.email, 'p' || known.phone, 'e' || known.email,
                                  'w' || stage.whatsapp_id) END AS key
        FROM contact_stage stage
        LEFT JOIN messaging_contact by_email ON by_email.client_id = %(client)s AND by_email.email = stage.email
        LEFT JOIN messaging_contact by_id ON by_id.client_id = %(client)s AND by_id.whatsapp_id = stage.whatsapp_id
        LEFT JOIN (
            SELECT DISTINCT ON (email) email, phone FROM contact_stage
            WHERE phone IS NOT NULL AND email IN (SELECT email FROM contact_stage WHERE phone IS NULL)
            ORDER BY email, row_no
        ) named ON stage.phone IS NULL AND named.email = stage.email
        LEFT JOIN (
            SELECT DISTINCT ON (whatsapp_id) whatsapp_id, phone, email FROM contact_stage
            WHERE (phone IS NOT NULL OR email IS NOT NULL) AND whatsapp_id IN
                (SELECT whatsapp_id FROM contact_stage WHERE phone IS NULL AND email IS NULL)
            ORDER BY whatsapp_id, row_no
        ) known ON stage.phone IS NULL AND stage.email IS NULL AND known.whatsapp_id = stage.whatsapp_id
    ) keyed
    LEFT JOIN messaging_contact by_phone ON by_phone.client_id = %(client)s
        AND by_phone.phone = CASE WHEN left(key, 1) = 'p' THEN substr(key, 2) END
    LEFT JOIN messaging_contact by_key_email ON by_key_email.client_id = %(client)s
        AND by_key_email.email = CASE WHEN left(key, 1) = 'e' THEN substr(key, 2) END
    LEFT JOIN messaging_contact by_key_id ON by_key_id.client_id = %(client)s
        AND by_key_id.whatsapp_id = CASE WHEN left(key, 1) = 'w' THEN substr(key, 2) END
"""
# Rows of persons that are named more than once are set apart, with one contact for all rows of a person.
_SET_APART = """
    CREATE {kind} TABLE contact_member AS
    WITH doubled AS (SELECT key FROM contact_person GROUP BY key HAVING count(*) > 1),
         moved AS (DELETE FROM contact_person WHERE key IN (SELECT key FROM doubled) RETURNING *)
    SELECT moved.*, first_value(contact_id) OVER (PARTITION BY key ORDER BY (contact_id IS NULL), row_no) AS person_contact
    FROM moved
"""
_ALL_ROWS = """(SELECT row_no, key, {address} AS address, {owner} AS owner, contact_id FROM contact_person
                UNION ALL SELECT row_no, key, {address}, {owner}, person_contact FROM contact_member) every"""
_CONTESTED = """
    CREATE {kind} TABLE contact_contested AS
    SELECT every.* FROM {every} WHERE address IS NOT NULL AND (
        (owner IS NOT NULL AND owner IS DISTINCT FROM contact_id)
        OR address IN (SELECT address FROM {every} WHERE address IS NOT NULL
                       GROUP BY address HAVING min(key) <> max(key)))
"""
# A contact lets go of an address when the last unrejected row about it that has one names a different one.
_REJECT_OWNED = """
    INSERT INTO contact_rejected (row_no, reason)
    SELECT contested.row_no, %(owned)s FROM contact_contested contested
    WHERE owner IS NOT NULL AND owner IS DISTINCT FROM contact_id
      AND row_no NOT IN (SELECT row_no FROM contact_rejected)
      AND NOT (%(may_let_go)s AND EXISTS (
        SELECT 1 FROM (
            SELECT DISTINCT ON (every.contact_id) every.contact_id, every.address FROM {every}
            WHERE every.address IS NOT NULL AND every.contact_id IN (SELECT owner FROM contact_contested)
              AND every.row_no NOT IN (SELECT row_no FROM contact_rejected)
            ORDER BY every.contact_id, every.row_no DESC
        ) target WHERE target.contact_id = contested.owner AND target.address <> contested.address))
"""
_REJECT_CLAIMED = """
    INSERT INTO contact_rejected (row_no, reason)
    SELECT row_no, %(claimed)s FROM (
        SELECT row_no, key, first_value(key) OVER (
            PARTITION BY address ORDER BY (owner IS NOT NULL AND owner = contact_id) DESC, row_no) AS holder
        FROM contact_contested WHERE row_no NOT IN (SELECT row_no FROM contact_rejected)
    ) claims WHERE key <> holder
"""
_DROP_REJECTED = """
    DELETE FROM contact_person WHERE row_no IN (SELECT row_no FROM contact_rejected);
    DELETE FROM contact_member WHERE row_no IN (SELECT row_no FROM contact_rejected)
"""


def _last(column: str) -> str:
    return f"(array_agg({column} ORDER BY row_no DESC) FILTER (WHERE {column} IS NOT NULL))[1]"


_MERGE_MEMBERS = f"""
    INSERT INTO contact_person (row_no, phone, email, whatsapp_id, name, language, time_zone, tags, attributes,
        consent_whatsapp, consent_email, consent_sms, key, row_count, last_row, contact_id)
    SELECT min(row_no), {_last("phone")}, {_last("email")}, {_last("whatsapp_id")}, {_last("name")},
        {_last("language")}, {_last("time_zone")}, (array_agg(tagged.tags))[1],
        (array_agg(united.attributes))[1],
        {_last("consent_whatsapp")}, {_last("consent_email")}, {_last("consent_sms")}, member.key, count(*), max(row_no),
        (array_agg(contact_id ORDER BY row_no) FILTER (WHERE contact_id IS NOT NULL))[1]
    FROM contact_member member
    LEFT JOIN (
        SELECT every.key, jsonb_object_agg(pair.key, pair.value ORDER BY every.row_no) AS attributes
        FROM contact_member every CROSS JOIN LATERAL jsonb_each(every.attributes) pair GROUP BY every.key
    ) united ON united.key = member.key
    LEFT JOIN (
        SELECT every.key, string_agg(DISTINCT tag, E'\\x1f') AS tags
        FROM contact_member every CROSS JOIN LATERAL unnest(string_to_array(every.tags, E'\\x1f')) tag GROUP BY every.key
    ) tagged ON tagged.key = member.key
    GROUP BY member.key
"""
# Two persons of the file that mean one contact by different addresses: the earlier one has it.
_TWO_MEAN_ONE = """
    CREATE {kind} TABLE contact_contested AS
    SELECT key, row_no FROM (
        SELECT key, row_no, first_value(key) OVER (PARTITION BY contact_id ORDER BY row_no) AS holder
        FROM contact_person WHERE contact_id IN (
            SELECT contact_id FROM contact_person WHERE contact_id IS NOT NULL GROUP BY contact_id HAVING count(*) > 1)
    ) claims WHERE key <> holder
"""
_REJECT_LATER_ONE = """
    INSERT INTO contact_rejected (row_no, reason)
    SELECT row_no, %(reason)s FROM contact_contested WHERE key NOT IN (SELECT key FROM contact_member)
    UNION ALL SELECT row_no, %(reason)s FROM contact_member WHERE key IN (SELECT key FROM contact_contested)
"""
# Who takes an address that another contact lets go of; both are merged first and in one transaction.
_NOTE_SWAPS = """
    INSERT INTO contact_swap (key, owner)
    SELECT DISTINCT key, owner FROM contact_contested WHERE owner IS NOT NULL AND owner IS DISTINCT FROM contact_id
       AND row_no NOT IN (SELECT row_no FROM contact_rejected)
"""


def drop_tables(cursor: CursorWrapper, tables: Sequence[str] = _TABLES) -> None:
    """Forget the rows."""
    cursor.execute(f"DROP TABLE IF EXISTS {', '.join(tables)}")


def create_stage(cursor: CursorWrapper, kind: TableKind) -> None:
    """Make the empty staging tables, in the first schema of the search path or of this session."""
    drop_tables(cursor)
    cursor.execute(CREATE_STAGE.format(kind=kind))


def make_plan(cursor: CursorWrapper, client_id: int, kind: TableKind) -> None:
    """Decide for each staged row which contact it means. May be asked again when contacts have changed meanwhile."""
    drop_tables(cursor, ("contact_person", "contact_member", "contact_swap"))
    cursor.execute(f"CREATE {kind} TABLE contact_swap (key text, owner bigint)")
    cursor.execute("DELETE FROM contact_rejected WHERE reason = ANY(%s)", [_REASONS_OF_PLAN])
    cursor.execute("ANALYZE contact_stage")
    cursor.execute(_KEYED.format(kind=kind), {"client": client_id})
    cursor.execute("ANALYZE contact_person (row_no, key, contact_id)")
    cursor.execute(_SET_APART.format(kind=kind))
    _reject_contested(cursor, kind, "email", "email_owner", _EMAIL_REASONS)
    _reject_contested(cursor, kind, "whatsapp_id", "id_owner", _ID_REASONS)
    cursor.execute(_DROP_REJECTED)
    cursor.execute(_MERGE_MEMBERS)
    _reject_two_for_one(cursor, kind)


_EMAIL_REASONS = {
    "owned": RejectReason.EMAIL_OF_ANOTHER.value,
    "claimed": RejectReason.EMAIL_OF_ANOTHER_ROW.value,
}
_ID_REASONS = {
    "owned": RejectReason.WHATSAPP_ID_OF_ANOTHER.value,
    "claimed": RejectReason.WHATSAPP_ID_OF_ANOTHER_ROW.value,
}
_REASONS_OF_PLAN = [
    *_EMAIL_REASONS.values(),
    *_ID_REASONS.values(),
    RejectReason.CONTACT_OF_ANOTHER_ROW.value,
]
_MAX_ROUNDS = 20  # of a chain of contacts that hand addresses on; a longer chain is rejected as a whole


def _reject_contested(
    cursor: CursorWrapper, kind: TableKind, address: str, owner: str, reasons: Mapping[str, str]
) -> None:
    """Reject until nothing changes: a rejected row may have been the one by which a contact let go of its address."""
    every = _ALL_ROWS.format(address=address, owner=owner)
    drop_tables(cursor, ("contact_contested",))
    cursor.execute(_CONTESTED.format(every=every, kind=kind))
    if not cursor.rowcount:
        return
    rejected, rounds = 1, 0
    while rejected:
        rounds += 1
        cursor.execute(_REJECT_OWNED.format(every=every), {**reasons, "may_let_go": rounds <= _MAX_ROUNDS})
        rejected = cursor.rowcount
        cursor.execute(_REJECT_CLAIMED, reasons)
        rejected += cursor.rowcount
    cursor.execute(_NOTE_SWAPS)


def _reject_two_for_one(cursor: CursorWrapper, kind: TableKind) -> None:
    drop_tables(cursor, ("contact_contested",))
    cursor.execute(_TWO_MEAN_ONE.format(kind=kind))
    if cursor.rowcount:
        cursor.execute(_REJECT_LATER_ONE, {"reason": RejectReason.CONTACT_OF_ANOTHER_ROW.value})
        cursor.execute("DELETE FROM contact_person WHERE key IN (SELECT key FROM contact_contested)")
