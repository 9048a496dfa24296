"""A look at the beginning of a file: how it is written, what each column means, how the first rows will be read. Writes nothing."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from django.utils.translation import gettext as _

from messaging.imports.normalising import STAGED, TAG_SEPARATOR, Normaliser
from messaging.imports.opening import open_rows
from messaging.imports.rows import RowBatch, TextForm, column_name
from messaging.rules.attributes import SAMPLE, AttributeKind
from messaging.rules.columns import Column, MappingProblem, detect_columns, has_address
from messaging.states import RejectReason

FIRST_ROWS = 6  # shown one by one
EXAMPLES = 3  # of a column
MAX_EXAMPLE = 80  # characters


@dataclasses.dataclass(frozen=True, slots=True)
class LookedColumn:
    """A column, what it will fill, and examples of what it holds. `kind` is set for attributes."""

    column: Column
    kind: AttributeKind | None
    examples: Sequence[str]


@dataclasses.dataclass(frozen=True, slots=True)
class LookedRow:
    """One row as it will be read: either `values` by field (JSON text for attributes), or the reason why it is rejected."""

    number: int
    values: Mapping[str, str]
    reason: RejectReason | None


@dataclasses.dataclass(frozen=True, slots=True)
class FileLook:
    """`form` is None for a workbook. `looked_at` rows from the beginning; `is_all` when these are all. `problem` says what must be mended
    before the file can be imported; then there are no rows."""

    form: TextForm | None
    columns: Sequence[LookedColumn]
    rows: Sequence[LookedRow]
    looked_at: int
    is_all: bool
    reasons: Mapping[RejectReason, int]
    problem: str

    @property
    def rejected(self) -> int:
        """How many of the rows looked at cannot be used."""
        return sum(self.reasons.values())


def look_at_file(path: Path, mapping: Mapping[str, str], country: str) -> FileLook:
    """Read the beginning of a file under a mapping. Raises UnreadableFile for what is no table.

    A mapping that cannot be used is the look's `problem`, beside what would be detected without it.
    """
    source = open_rows(path)
    try:
        problem = ""
        try:
            columns = detect_columns(source.header, mapping)
        except MappingProblem as error:
            problem, columns = str(error), detect_columns(source.header)
        head, is_all = _head(source.batches(SAMPLE + 1))
    finally:
        source.close()
    if not problem and not has_address(columns):
        problem = _("No column holds a phone, an e-mail or a WhatsApp id. Choose one below.")
    if head is None:
        return FileLook(source.form, [LookedColumn(column, None, ()) for column in columns], (), 0, True, {}, problem)
    kinds: Mapping[str, AttributeKind] = {}
    rows: list[LookedRow] = []
    reasons: Counter[RejectReason] = Counter()
    if not problem:
        normaliser = Normaliser(columns, country, check_characters=source.has_unreadable_characters)
        staged = normaliser.normalise(head)
        kinds = normaliser.kinds
        reasons.update(row.reason for row in staged.refused)
        rows = [LookedRow(row.number, {}, row.reason) for row in staged.refused]
        rows += [_row(values) for values in staged.frame.head(FIRST_ROWS).iter_rows(named=True)]
        rows = sorted(rows, key=lambda row: row.number)[:FIRST_ROWS]
    looked = [LookedColumn(column, kinds.get(column.key), _examples(head, column.position)) for column in columns]
    return FileLook(source.form, looked, rows, len(head), is_all, dict(reasons.most_common()), problem)


def _head(batches: Iterator[RowBatch]) -> tuple[RowBatch | None, bool]:
    """At most SAMPLE rows of the beginning, and whether the file holds no more."""
    taken: list[RowBatch] = []
    for batch in batches:
        taken.append(batch)
        if sum(map(len, taken)) > SAMPLE:
            break
    if not any(map(len, taken)):
        return None, True
    numbers = pl.concat([batch.numbers for batch in taken])
    cells = pl.concat([batch.cells for batch in taken])
    refused = [row for batch in taken for row in batch.refused]
    is_all = len(numbers) + len(refused) <= SAMPLE
    last = numbers.head(SAMPLE).max() if len(numbers) > SAMPLE else None
    kept = refused if last is None else [row for row in refused if row.number <= int(str(last))]
    return RowBatch(numbers=numbers.head(SAMPLE), cells=cells.head(SAMPLE), refused=kept[:SAMPLE]), is_all


def _examples(batch: RowBatch, position: int) -> list[str]:
    """The first different values of a column."""
    filled = (cell.strip() for cell in batch.cells[column_name(position)])
    return [cell[:MAX_EXAMPLE] for cell in list(dict.fromkeys(filter(None, filled)))[:EXAMPLES]]


def _row(values: Mapping[str, Any]) -> LookedRow:
    shown = {name: str(values[name]) for name in STAGED[1:] if values[name] is not None}
    if "tags" in shown:
        shown["tags"] = shown["tags"].replace(TAG_SEPARATOR, ", ")
    return LookedRow(int(values["row_no"]), shown, None)
