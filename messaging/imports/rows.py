"""What a file of contacts gives, whatever its format: a header and batches of rows of text."""

import dataclasses
from collections.abc import Iterator
from typing import Protocol

from messaging.states import RejectReason

BATCH_ROWS = 40_000
MAX_CELL = 20_000  # characters; longer cells are refused row by row


class UnreadableFile(Exception):
    """The file as a whole cannot be read; `text` says what to do. Nothing was imported."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclasses.dataclass(slots=True)
class RowBatch:
    """Rows as wide as the header, with their numbers as a spreadsheet shows them (the header is row 1)."""

    numbers: list[int] = dataclasses.field(default_factory=list)
    rows: list[list[str]] = dataclasses.field(default_factory=list)
    refused: list["RefusedRow"] = dataclasses.field(default_factory=list)

    def add(self, number: int, cells: list[str], width: int) -> None:
        """Take one row; blank rows vanish, short ones are filled, long ones refused unless the rest is empty."""
        if len(cells) != width:
            if len(cells) > width:
                if any(cells[width:]):
                    self.refused.append(RefusedRow(number, RejectReason.TOO_MANY_COLUMNS, cells))
                    return
                cells = cells[:width]
            else:
                cells = cells + [""] * (width - len(cells))
        self.numbers.append(number)
        self.rows.append(cells)


@dataclasses.dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that could not be read as a row, with what could be read of it."""

    number: int
    reason: RejectReason
    cells: list[str]


class RowSource(Protocol):
    """An opened file. `batches` may be called once; `bytes_done` grows up to `bytes_total` while it runs."""

    header: list[str]
    bytes_total: int
    has_unreadable_characters: bool

    @property
    def bytes_done(self) -> int: ...

    def batches(self) -> Iterator[RowBatch]: ...

    def close(self) -> None: ...
