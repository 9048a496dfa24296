"""Tables as text files that a spreadsheet opens: nothing in them is ever computed."""

import csv
import io
from collections.abc import Iterable, Sequence

_DANGEROUS_STARTS = ("=", "+", "-", "@", "\t", "\r")
BYTE_ORDER_MARK = "\ufeff"  # so that spreadsheets read accents


def safe_cell(text: str) -> str:
    """The text of a cell, so that no spreadsheet takes it for a formula."""
    clean = text.replace("\0", "")
    return f"'{clean}" if clean.startswith(_DANGEROUS_STARTS) else clean


def csv_lines(rows: Iterable[Sequence[str]]) -> str:
    """Rows as lines of CSV, each cell made safe."""
    text = io.StringIO()
    csv.writer(text).writerows([safe_cell(cell) for cell in row] for row in rows)
    return text.getvalue()
