"""Text tables, read in constant memory: blocks without quotation marks at once, the others record by record.

Survives what people export: quoted line breaks, quotes that are never closed, NUL bytes, cells of many megabytes.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from django.utils.translation import gettext as _

from messaging.imports.blocks import MAX_LINE, utf8_blocks
from messaging.imports.rows import BATCH_ROWS, BatchBuilder, RowBatch, UnreadableFile, column_name
from messaging.imports.text_form import find_form, is_separator_hint
from messaging.states import RejectReason

MAX_UNCLOSED_QUOTES = 200  # each makes up to 128 kB be read again


class Lines:
    """The lines of one block for csv.reader; goes on into the next block only in the middle of a record."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._text = io.StringIO()
        self._again: list[str] = []
        self.recent: list[str] = []  # the lines of the record being read

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else self._text.readline()
        while not line:
            if not self.recent:
                raise StopIteration
            block = next(self._blocks, None)
            if block is None:
                raise StopIteration
            self.open(block)
            line = self._text.readline()
        self.recent.append(line)
        return line

    def open(self, block: bytes) -> None:
        """Read this block next."""
        self._text = io.StringIO(block.decode(), newline="")

    def rest(self) -> bytes:
        """What is left of the block."""
        return self._text.read().encode()

    def give_back_all_but_first(self) -> str:
        """Forget the first line of the present record (returned), read the others again."""
        first = self.recent[0] if self.recent else ""
        self._again.extend(reversed(self.recent[1:]))
        self.recent.clear()
        return first


class TextSource:
    """A text table, opened. Implements RowSource."""

    def __init__(self, path: Path) -> None:
        self.bytes_total = path.stat().st_size
        self.form = find_form(path)
        self.has_unreadable_characters = self.form.has_unreadable_characters
        self._file = path.open("rb")
        self._blocks = utf8_blocks(self._file, self.form)
        self._lines = Lines(self._blocks)
        self._reader = csv.reader(self._lines, delimiter=self.form.separator, strict=True)
        self._number = 0
        self._unclosed = 0
        try:
            self.header = self._read_header()
        except UnreadableFile:
            self.close()
            raise

    @property
    def bytes_done(self) -> int:
        """Bytes taken from the disk so far."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read_header(self) -> list[str]:
        for block in self._blocks:
            self._lines.open(block)
            try:
                for cells in self._reader:
                    self._number += 1
                    self._lines.recent.clear()
                    is_hint = self._number == 1 and is_separator_hint(cells, self.form.separator)
                    if not is_hint and any(cell.strip() for cell in cells):
                        return [cell.strip() for cell in cells]
            except csv.Error as error:
                text = _("The first row, which names the columns, cannot be read.")
                raise UnreadableFile("bad_header", text) from error
        raise UnreadableFile("empty", _("The file is empty."))

    def batches(self, most: int = BATCH_ROWS) -> Iterator[RowBatch]:
        """Read to the end, a block at a time; only blocks that are read record by record are cut at `most` rows."""
        rest = self._lines.rest()
        if rest:
            yield from self._read(rest, most)
        for block in self._blocks:
            yield from self._read(block, most)

    def _read(self, block: bytes, most: int) -> Iterator[RowBatch]:
        at_once = self._read_at_once(block) if self._is_plain(block) else None
        if at_once is None:
            yield from self._read_records(block, most)
        else:
            yield at_once

    def _is_plain(self, block: bytes) -> bool:
        """Whether each line is a record, and splitting at the separator gives its cells."""
        return (
            len(self.header) > 1
            and not self.has_unreadable_characters
            and b'"' not in block
            and not block.startswith((b"\n", b"\r"))
            and b"\n\n" not in block
            and b"\n\r" not in block
            and block.count(b"\r") == block.count(b"\r\n")
        )

    def _read_at_once(self, block: bytes) -> RowBatch | None:
        """All lines of the block together; None when some line has more cells than the header."""
        width = len(self.header)
        try:
            cells = pl.read_csv(
                block,
                has_header=False,
                separator=self.form.separator,
                quote_char=None,
                schema={column_name(position): pl.String for position in range(width)},
                empty_string_is_null=False,
                missing_columns="insert",
                extra_columns="raise",
            )
        except pl.exceptions.PolarsError:
            return None
        lines = block.count(b"\n") + (not block.endswith(b"\n"))
        if len(cells) != lines:
            return None
        first = self._number + 1
        self._number += lines
        numbers = pl.int_range(first, first + lines, dtype=pl.Int64, eager=True)
        is_blank = cells.select(pl.all_horizontal(pl.all() == "")).to_series()
        if is_blank.any():
            numbers, cells = numbers.filter(~is_blank), cells.filter(~is_blank)
        return RowBatch(numbers=numbers, cells=cells.fill_null(""), refused=[])

    def _read_records(self, block: bytes, most: int) -> Iterator[RowBatch]:
        self._lines.open(block)
        builder = BatchBuilder(len(self.header))
        while True:
            try:
                for cells in self._reader:
                    self._number += 1
                    self._lines.recent.clear()
                    builder.add(self._number, cells)
                    if len(builder) >= most:
                        yield builder.batch()
                        builder = BatchBuilder(len(self.header))
                break
            except csv.Error as error:
                self._number += 1
                self._refuse(builder, error)
        yield builder.batch()

    def _refuse(self, builder: BatchBuilder, error: csv.Error) -> None:
        if len(self._lines.recent) == 1 and len(self._lines.recent[0]) > csv.field_size_limit():
            line = self._lines.recent.pop()
            builder.refuse(self._number, RejectReason.CELL_TOO_LONG, [line[:MAX_LINE]])
            return
        self._unclosed += 1
        if self._unclosed > MAX_UNCLOSED_QUOTES:
            text = _("Too many rows have quotation marks that are not closed. Export the file again.")
            raise UnreadableFile("bad_quotes", text) from error
        first = self._lines.give_back_all_but_first()
        builder.refuse(self._number, RejectReason.BAD_QUOTES, [first.rstrip("\r\n")])
