"""What a file of contacts gives, whatever its format: a header and batches of rows of text."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Protocol

import polars as pl

from messaging.states import RejectReason

BATCH_ROWS = 40_000
MAX_CELL = 20_000  # characters; longer cells are refused row by row
_MAX_REFUSED_CELLS = 400


@dataclasses.dataclass(frozen=True, slots=True)
class TextForm:
    """How the bytes of a text table are to be read."""

    encoding: str
    separator: str
    line_end: str
    has_unreadable_characters: bool  # NUL, or bytes that are no character


class UnreadableFile(Exception):
    """The file as a whole cannot be read; `text` says what to do. Nothing was imported."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclasses.dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that could not be used, with what could be read of it."""

    number: int
    reason: RejectReason
    cells: Sequence[str]


@dataclasses.dataclass(frozen=True, slots=True)
class RowBatch:
    """`cells` has one text column per column of the file (see `column_name`); `numbers` are those of a spreadsheet,
    where the header is row 1."""

    numbers: pl.Series
    cells: pl.DataFrame
    refused: list[RefusedRow]

    def __len__(self) -> int:
        return len(self.numbers) + len(self.refused)


class BatchBuilder:
    """Collects rows, one at a time, into a batch of one width."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._numbers: list[int] = []
        self._rows: list[list[str]] = []
        self._refused: list[RefusedRow] = []

    def __len__(self) -> int:
        return len(self._numbers) + len(self._refused)

    def add(self, number: int, cells: list[str]) -> None:
        """Take a row; blank ones vanish, short ones are filled up, long ones are refused unless the rest is empty."""
        width = self._width
        if len(cells) != width:
            if not any(cells):
                return
            if any(cells[width:]):
                self.refuse(number, RejectReason.TOO_MANY_COLUMNS, cells)
                return
            cells = cells[:width] + [""] * (width - len(cells))
        elif width == 1 and not cells[0]:
            return
        self._numbers.append(number)
        self._rows.append(cells)

    def refuse(self, number: int, reason: RejectReason, cells: list[str]) -> None:
        """Take a row that cannot be used."""
        shortened = [cell[:MAX_CELL] for cell in cells[:_MAX_REFUSED_CELLS]]
        self._refused.append(RefusedRow(number, reason, shortened))

    def batch(self) -> RowBatch:
        """What was collected."""
        columns = zip(*self._rows, strict=True) if self._rows else [()] * self._width
        schema = {column_name(position): pl.String for position in range(self._width)}
        return RowBatch(
            numbers=pl.Series(self._numbers, dtype=pl.Int64),
            cells=pl.DataFrame(dict(zip(schema, columns, strict=True)), schema=schema),
            refused=self._refused,
        )


def column_name(position: int) -> str:
    """The name of a column of `RowBatch.cells`. position: 0-based."""
    return f"c{position}"


class RowSource(Protocol):
    """An opened file. `batches` may be called once; `bytes_done` grows up to `bytes_total` while it runs. `form` is None for a workbook."""

    header: list[str]
    bytes_total: int
    has_unreadable_characters: bool

    @property
    def form(self) -> TextForm | None:
        """How the text is written."""
        ...

    @property
    def bytes_done(self) -> int:
        """Bytes taken from the disk so far."""
        ...

    def batches(self, most: int = BATCH_ROWS) -> Iterator[RowBatch]:
        """Read to the end. Whoever needs only the beginning says with `most` how many rows at a time are enough."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...
