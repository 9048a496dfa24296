"""Excel workbooks (.xlsx): the first sheet that is visible, read row by row, bounded against archives that unpack to gigabytes."""

import datetime
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from messaging.imports.rows import BATCH_ROWS, MAX_CELL, BatchBuilder, RowBatch, TextForm, UnreadableFile
from messaging.rules.columns import MAX_COLUMNS
from messaging.states import RejectReason

MAX_UNPACKED = 2 * 1024**3  # bytes of all parts together
MAX_SHARED_STRINGS = 200 * 1024**2  # bytes; this part is held in memory
MAX_PARTS = 5_000
MAX_ROWS = 1_048_576
MAX_RATIO = 300  # unpacked to packed of one part; real sheets stay below 50
_SHARED_STRINGS = "xl/sharedStrings.xml"
_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!"})


def is_workbook(path: Path) -> bool:
    """Told by content: a zip archive with a workbook in it."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return "xl/workbook.xml" in archive.NameToInfo


class WorkbookSource:
    """The rows of a workbook. Implements RowSource; `bytes_done` is estimated from the rows of the sheet."""

    form: TextForm | None = None

    def __init__(self, path: Path) -> None:
        refuse_bomb(path)
        self.bytes_total = path.stat().st_size
        self.has_unreadable_characters = True  # openpyxl lets control characters through; look at each batch
        self._done = 0
        self._file = path.open("rb")  # openpyxl would judge a path by its suffix
        try:
            self._book = load_workbook(self._file, read_only=True, data_only=True, keep_links=False)
            sheet = next(sheet for sheet in self._book.worksheets if sheet.sheet_state == "visible")
            self._expected = max(int(sheet.max_row or 0), 1)
            sheet.reset_dimensions()  # what the file says of its own size may be wrong and would hide rows
            self._rows: Iterator[tuple[Any, ...]] = sheet.iter_rows(max_col=MAX_COLUMNS + 1, values_only=True)
            self.header, self._number = self._read_header()
        except (InvalidFileException, KeyError, ValueError, OSError, StopIteration, SyntaxError) as error:
            self._file.close()
            raise UnreadableFile(
                "bad_workbook", _("The workbook cannot be read. Save it again as .xlsx or CSV.")
            ) from error
        except UnreadableFile:
            self._file.close()
            raise

    @property
    def bytes_done(self) -> int:
        """Estimated bytes read so far."""
        return self._done

    def close(self) -> None:
        """Close the workbook."""
        self._book.close()
        self._file.close()

    def _read_header(self) -> tuple[list[str], int]:
        for number, cells in enumerate(self._rows, start=1):
            texts = [cell_text(cell).strip() for cell in cells[: MAX_COLUMNS + 1]]
            while texts and not texts[-1]:
                texts.pop()
            if texts:
                return texts, number
        raise UnreadableFile("empty", _("The file is empty."))

    def batches(self, most: int = BATCH_ROWS) -> Iterator[RowBatch]:
        """Read to the end, at most `most` rows at a time."""
        width = len(self.header)
        builder = BatchBuilder(width)
        try:
            for cells in self._rows:
                self._number += 1
                if self._number > MAX_ROWS:
                    raise UnreadableFile("too_large", _("The sheet has more rows than Excel allows."))
                texts = [cell_text(cell) for cell in cells]
                if any(len(text) > MAX_CELL for text in texts):
                    builder.refuse(self._number, RejectReason.CELL_TOO_LONG, texts)
                else:
                    builder.add(self._number, texts)
                if len(builder) >= most:
                    self._done = min(self.bytes_total, self.bytes_total * self._number // self._expected)
                    yield builder.batch()
                    builder = BatchBuilder(width)
        except (zipfile.BadZipFile, SyntaxError, ValueError, KeyError) as error:
            raise UnreadableFile(
                "bad_workbook", _("The workbook cannot be read. Save it again as .xlsx or CSV.")
            ) from error
        self._done = self.bytes_total
        yield builder.batch()


def refuse_bomb(path: Path) -> None:
    """Raise UnreadableFile for an archive that would unpack to more than a table of contacts needs."""
    too_large = UnreadableFile("too_large", _("The workbook unpacks to more than can be read. Save it as CSV."))
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
                raise too_large
            for part in parts:
                packed = max(part.compress_size, 1)
                if part.file_size > 1024**2 and part.file_size / packed > MAX_RATIO:
                    raise too_large
                if part.filename == _SHARED_STRINGS and part.file_size > MAX_SHARED_STRINGS:
                    raise too_large
                if part.filename.endswith((".xml", ".rels")):
                    with archive.open(part) as file:
                        start = file.read(4096)
                    # Workbooks have no document type; one is there to define entities that grow.
                    if b"<!DOCTYPE" in start or b"<!ENTITY" in start:
                        raise too_large
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise UnreadableFile(
            "bad_workbook", _("The workbook cannot be read. Save it again as .xlsx or CSV.")
        ) from error


def cell_text(value: Any) -> str:
    """A cell as text: whole numbers without a fraction, dates in ISO form, errors and empty cells as nothing."""
    match value:
        case None:
            return ""
        case str():
            return "" if value in _ERRORS else value
        case bool():
            return "true" if value else "false"
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        case datetime.datetime():
            midnight = value.time() == datetime.time()
            return value.date().isoformat() if midnight else value.isoformat(sep=" ", timespec="seconds")
        case _:
            return str(value)
