"""Rows that point at nothing: one bounded piece of one reference at a time."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.apps import apps
from django.core.cache import cache
from django.db import connection, models
from django.utils import timezone

from agency.kit.health import Finding, Health
from agency.kit.references import Reference, declared_references, erasure_of

PIECE = 20_000  # rows looked at by one statement
SHOWN = 5  # ids of orphans in a report
LAST_LOOK = "references:last"  # in the cache: (when it ended, what it found by reference)
OLDEST_LOOK = 2 * 86_400  # seconds

_ORPHANS = """
WITH piece AS MATERIALIZED (SELECT id, {column} AS held FROM {table} WHERE id > %(after)s ORDER BY id LIMIT %(size)s),
pointing AS (SELECT piece.id, {each} AS ref FROM piece {spread}),
orphan AS (
    SELECT DISTINCT p.id FROM pointing p LEFT JOIN {target} t ON t.id = p.ref
    WHERE p.ref IS NOT NULL AND t.id IS NULL AND NOT EXISTS (
        SELECT FROM agency_auditentry a
        WHERE a.subject_type = %(target)s AND a.subject_id = p.ref AND a.action = %(erasure)s
    )
)
SELECT (SELECT max(id) FROM piece), (SELECT count(*) FROM piece), count(*), (array_agg(id ORDER BY id))[1:{shown}] FROM orphan
"""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one look found: the last id it saw (None: the table has no more), rows looked at, orphans and some of their ids."""

    last: int | None
    rows: int
    orphans: int
    examples: tuple[int, ...]


def loose_references() -> tuple[Reference, ...]:
    """What the database does not watch: foreign keys without a constraint, and declared columns; in order of name."""
    keys = (
        Reference(model._meta.label, field.column, field.related_model._meta.label)
        for model in apps.get_models()
        if not model._meta.proxy
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey)
        and not getattr(field, "db_constraint", True)
        and isinstance(field.related_model, type)
    )
    return tuple(sorted({*keys, *declared_references()}))


def orphans_in_piece(reference: Reference, after: int, size: int = PIECE) -> Piece:
    """Look at the next `size` rows behind the id `after`. One statement, so that what is written at the same time is seen whole or not at all."""
    quote = connection.ops.quote_name
    statement = _ORPHANS.format(
        table=quote(apps.get_model(reference.model)._meta.db_table),
        column=quote(reference.column),
        target=quote(apps.get_model(reference.target)._meta.db_table),
        each="each.ref" if reference.many else "piece.held",
        spread="LEFT JOIN LATERAL unnest(piece.held) AS each(ref) ON true" if reference.many else "",
        shown=SHOWN,
    )
    with connection.cursor() as cursor:
        erasure = erasure_of(reference.target)
        cursor.execute(statement, {"after": after, "size": size, "target": reference.target, "erasure": erasure})
        last, rows, orphans, examples = cursor.fetchone()
    return Piece(last if rows == size else None, rows, orphans, tuple(examples or ()))


def check_references() -> Finding:
    """What the last complete look at loose references found."""
    ended, found = cache.get(LAST_LOOK, (None, {}))
    if ended is None:
        return Finding(Health.OK, "not looked at yet; Beat does it at night")
    if found:
        text = ", ".join(f"{number} of {name}" for name, number in sorted(found.items()))
        return Finding(Health.DEGRADED, f"rows point at nothing: {text}", WHAT_TO_DO)
    if (timezone.now() - ended).total_seconds() > OLDEST_LOOK:
        return Finding(Health.DEGRADED, f"last looked at on {ended:%Y-%m-%d}", "See whether Beat and a worker run.")
    return Finding(Health.OK, f"none points at nothing ({ended:%Y-%m-%d %H:%M} UTC)")


def named(references: Iterable[Reference], name: str) -> tuple[Reference, ...]:
    """The references of that name; all of them for an empty one."""
    return tuple(reference for reference in references if name in {"", reference.name})


WHAT_TO_DO = "`manage.py verify_references` shows which rows; restore what they point at from a backup, or delete them."
