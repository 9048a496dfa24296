"""Finding out how a text table is written: encoding, separator, line ends."""

import codecs
import csv
import functools
import io
from pathlib import Path
from typing import IO

from django.utils.translation import gettext as _

from messaging.imports.rows import TextForm, UnreadableFile

SEPARATORS = (";", ",", "\t", "|")
_SAMPLE_CHARACTERS = 64 * 1024
_BLOCK = 1024 * 1024
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def find_form(path: Path) -> TextForm:
    """Look at the whole file, once while it does not change. Raises UnreadableFile for what is no text."""
    facts = path.stat()
    return _find_form(path, facts.st_size, facts.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _find_form(path: Path, _size: int, _changed_at: int) -> TextForm:
    with path.open("rb") as file:
        start = file.read(4096)
        if not start:
            raise UnreadableFile("empty", _("The file is empty."))
        declared = next((encoding for bom, encoding in _BOMS if start.startswith(bom)), "")
        if declared != "utf-16" and _looks_binary(start):
            raise UnreadableFile("not_a_table", _("This is no CSV or XLSX file. Export the contacts as CSV (UTF-8)."))
        file.seek(0)
        encoding, unreadable = _check_encoding(file, declared)
    with path.open(encoding=encoding, errors="replace", newline="") as text:
        sample = text.read(_SAMPLE_CHARACTERS)
    return TextForm(
        encoding=encoding,
        separator=find_separator(sample),
        line_end="\r" if "\r" in sample and "\n" not in sample else "\n",
        has_unreadable_characters=unreadable,
    )


def _looks_binary(start: bytes) -> bool:
    if start.startswith((b"%PDF", b"\x89PNG", b"\xd0\xcf\x11\xe0", b"GIF8", b"\xff\xd8\xff", b"\x1f\x8b", b"Rar!")):
        return True
    controls = sum(start.count(code) for code in range(32) if code not in b"\t\n\r")
    return controls * 10 > len(start)


def _check_encoding(file: IO[bytes], declared: str) -> tuple[str, bool]:
    """UTF-8 unless a byte says otherwise, then Windows-1252, the other one Brazilian files come in."""
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
    hint = first_line.strip().lower()
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
    # The last row of a full sample is cut somewhere.
    return widths[:-1] if len(widths) > 2 and len(sample) >= _SAMPLE_CHARACTERS else widths


def is_separator_hint(cells: list[str], separator: str) -> bool:
    """Whether this is Excel's own first line, "sep=;"."""
    return separator.join(cells).strip().lower() == f"sep={separator}"
