"""Text tables: encoding and separator found out, read record by record in constant memory.

Survives what people export: quoted line breaks, quotes that are never closed, NUL bytes, cells of many megabytes.
"""

import codecs
import csv
import dataclasses
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from django.utils.translation import gettext as _

from messaging.imports.rows import BATCH_ROWS, MAX_CELL, RefusedRow, RowBatch, UnreadableFile
from messaging.states import RejectReason

SEPARATORS = (";", ",", "\t", "|")
SAMPLE_CHARACTERS = 64 * 1024
MAX_LINE = 1_000_000  # characters; a longer line is refused without being held
MAX_UNCLOSED_QUOTES = 200  # each makes up to 128 kB be read again
_BLOCK = 1024 * 1024
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclasses.dataclass(frozen=True, slots=True)
class TextForm:
    """How the bytes of a text table are to be read."""

    encoding: str
    separator: str
    has_unreadable_characters: bool  # NUL, or bytes that are no character


class LineTooLong(Exception):
    """A line exceeded MAX_LINE; `start` is its beginning, the rest has been skipped."""

    def __init__(self, start: str) -> None:
        super().__init__("line too long")
        self.start = start


class Lines:
    """The lines of the file for csv.reader, able to give back those of a record that did not end well."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self._again: list[str] = []
        self.recent: list[str] = []  # the lines of the record being read

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else self._text.readline(MAX_LINE)
        if not line:
            raise StopIteration
        if len(line) >= MAX_LINE and line[-1] not in "\r\n":
            while (rest := self._text.readline(MAX_LINE)) and rest[-1] not in "\r\n":
                pass
            raise LineTooLong(line[:MAX_CELL])
        self.recent.append(line)
        return line

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
        self._raw = path.open("rb")
        self._text = io.TextIOWrapper(self._raw, self.form.encoding, errors="replace", newline="")
        self._lines = Lines(self._text)
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
        return min(self._raw.tell(), self.bytes_total)

    def close(self) -> None:
        """Close the file."""
        self._text.close()

    def _read_header(self) -> list[str]:
        try:
            for cells in self._reader:
                self._number += 1
                self._lines.recent.clear()
                is_hint = self._number == 1 and _separator_hint(cells, self.form.separator)
                if not is_hint and any(cell.strip() for cell in cells):
                    return [cell.strip() for cell in cells]
        except (csv.Error, LineTooLong) as error:
            raise UnreadableFile("bad_header", _("The first row, which names the columns, cannot be read.")) from error
        raise UnreadableFile("empty", _("The file is empty."))

    def batches(self) -> Iterator[RowBatch]:
        """Read to the end, at most BATCH_ROWS rows at a time."""
        width = len(self.header)
        batch = RowBatch()
        while True:
            try:
                for cells in self._reader:
                    self._number += 1
                    self._lines.recent.clear()
                    if len(cells) == width and (width > 1 or cells[0]):
                        batch.numbers.append(self._number)
                        batch.rows.append(cells)
                    elif any(cells):
                        batch.add(self._number, cells, width)
                    if len(batch.rows) + len(batch.refused) >= BATCH_ROWS:
                        yield batch
                        batch = RowBatch()
                break
            except (csv.Error, LineTooLong) as error:
                self._number += 1
                batch.refused.append(self._refuse(error))
        yield batch

    def _refuse(self, error: csv.Error | LineTooLong) -> RefusedRow:
        if isinstance(error, LineTooLong):
            self._lines.recent.clear()
            return RefusedRow(self._number, RejectReason.CELL_TOO_LONG, [error.start])
        self._unclosed += 1
        if self._unclosed > MAX_UNCLOSED_QUOTES:
            raise UnreadableFile(
                "bad_quotes",
                _("Too many rows have quotation marks that are not closed. Export the file again."),
            ) from error
        first = self._lines.give_back_all_but_first()
        return RefusedRow(self._number, RejectReason.BAD_QUOTES, [first.rstrip("\r\n")[:MAX_CELL]])


def find_form(path: Path) -> TextForm:
    """Find encoding and separator. Raises UnreadableFile for what is no text."""
    with path.open("rb") as file:
        start = file.read(4096)
        if not start:
            raise UnreadableFile("empty", _("The file is empty."))
        encoding = next((encoding for bom, encoding in _BOMS if start.startswith(bom)), "")
        if encoding != "utf-16" and _looks_binary(start):
            raise UnreadableFile("not_a_table", _("This is no CSV or XLSX file. Export the contacts as CSV (UTF-8)."))
        file.seek(0)
        encoding, unreadable = _check_encoding(file, encoding)
    with path.open(encoding=encoding, errors="replace", newline="") as text:
        separator = find_separator(text.read(SAMPLE_CHARACTERS))
    return TextForm(encoding=encoding, separator=separator, has_unreadable_characters=unreadable)


def _looks_binary(start: bytes) -> bool:
    if start.startswith((b"%PDF", b"\x89PNG", b"\xd0\xcf\x11\xe0", b"GIF8", b"\xff\xd8\xff", b"\x1f\x8b", b"Rar!")):
        return True
    controls = sum(start.count(code) for code in range(32) if code not in b"\t\n\r")
    return controls * 10 > len(start)


def _check_encoding(file: IO[bytes], declared: str) -> tuple[str, bool]:
    """Read the file once: UTF-8 unless a byte says otherwise, then Windows-1252, the other one Brazilian files come in."""
    has_nul = False
    utf8 = codecs.getincrementaldecoder("utf-8")()
    utf16 = codecs.getincrementaldecoder("utf-16")("replace")
    is_utf8, undefined = True, False
    while block := file.read(_BLOCK):
        if declared == "utf-16":
            decoded = utf16.decode(block)
            has_nul = has_nul or "\0" in decoded
            undefined = undefined or "\ufffd" in decoded
            continue
        has_nul = has_nul or b"\0" in block
        if is_utf8:
            is_utf8 = _decodes(utf8, block)
        undefined = undefined or any(code in block for code in (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d"))
    if declared == "utf-16":
        return declared, has_nul or undefined
    if is_utf8 and _decodes(utf8, b"", final=True):
        return declared or "utf-8", has_nul
    if declared:
        return declared, True
    return "cp1252", has_nul or undefined


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def find_separator(sample: str) -> str:
    """The separator that gives the most rows as wide as the first, and of those the widest."""
    first_line = sample.splitlines()[0] if sample.splitlines() else ""
    hint = first_line.strip().lower().removeprefix("\ufeff")
    if hint.startswith("sep=") and len(hint) == 5:
        return hint[4]
    best, best_score = ",", (0.0, 1)
    for separator in SEPARATORS:
        widths = _widths(sample, separator)
        if not widths or widths[0] < 2:
            continue
        score = (round(sum(width == widths[0] for width in widths) / len(widths), 1), widths[0])
        if score > best_score:
            best, best_score = separator, score
    return best


def _widths(sample: str, separator: str) -> list[int]:
    widths = []
    try:
        for cells in csv.reader(io.StringIO(sample, newline=""), delimiter=separator):
            if any(cells):
                widths.append(len(cells))
            if len(widths) >= 100:
                break
    except csv.Error:
        pass  # what was read until then is sample enough
    return widths[:-1] if len(widths) > 2 and len(sample) >= SAMPLE_CHARACTERS else widths


def _separator_hint(cells: list[str], separator: str) -> bool:
    """Whether this is Excel's own first line, "sep=;"."""
    return separator.join(cells).strip().lower() == f"sep={separator}"
