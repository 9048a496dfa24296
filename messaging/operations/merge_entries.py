"""Merging a few rows inside the caller's transaction, with what came of each: the API's way into the one merge."""

import csv
import dataclasses
import io
from collections.abc import Sequence

from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils.translation import gettext as _

from agency.kit.errors import OperationRefused
from messaging.operations.merge_contacts import (
    MAX_ATTEMPTS,
    MergeSource,
    catalogue_tags,
    is_passing,
    let_go,
    list_merged,
    merge_parameters,
)
from messaging.operations.merge_plan import COPY_STAGE, make_plan
from messaging.operations.staging import staging
from messaging.states import RejectReason

TAG_SEPARATOR = "\x1f"  # between the tags of a staged row


@dataclasses.dataclass(frozen=True, slots=True)
class MergedRow:
    """outcome: created | updated | unchanged."""

    contact_id: int
    outcome: str


def merge_entries(
    *, client_id: int, rows: Sequence[tuple[object, ...]], source: MergeSource
) -> dict[int, MergedRow | RejectReason]:
    """Merge rows (tuples in the order of STAGE_COLUMNS); by row number, what came of each. Joins the running transaction."""
    if not rows:
        return {}
    for _attempt in range(MAX_ATTEMPTS):
        try:
            with transaction.atomic(), staging():
                return _merge_once(client_id, rows, source)
        except (IntegrityError, OperationalError) as error:
            if not is_passing(error):
                raise
    raise OperationRefused("contacts_busy", _("The contacts are being changed by others; try again."))


def _merge_once(
    client_id: int, rows: Sequence[tuple[object, ...]], source: MergeSource
) -> dict[int, MergedRow | RejectReason]:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    parameters = merge_parameters(client_id, source)
    with connection.cursor() as cursor:
        with cursor.copy(COPY_STAGE) as copy:
            copy.write(text.getvalue())
        make_plan(cursor, client_id, "TEMPORARY")
        catalogue_tags(cursor, parameters)
        let_go(cursor)
        created, updated = list_merged(cursor, parameters)
        cursor.execute(
            """
            SELECT every.row_no, person.key, person.contact_id, every.row_no = person.row_no
            FROM (SELECT row_no, key FROM contact_member
                  UNION ALL SELECT row_no, key FROM contact_person WHERE key NOT IN (SELECT key FROM contact_member)) every
            JOIN contact_person person ON person.key = every.key
            """
        )
        merged: dict[int, MergedRow | RejectReason] = {}
        for number, key, contact_id, is_first in cursor.fetchall():
            if contact_id is None:
                merged[number] = MergedRow(created[key], "created" if is_first else "updated")
            else:
                merged[number] = MergedRow(contact_id, "updated" if contact_id in updated else "unchanged")
        cursor.execute("SELECT row_no, reason FROM contact_rejected")
        merged |= {number: RejectReason(reason) for number, reason in cursor.fetchall()}
    return merged
