"""Opening a file of contacts: its type is told by its content, never by its name."""

from pathlib import Path

from django.utils.translation import gettext as _

from messaging.imports.rows import RowSource, UnreadableFile
from messaging.imports.text_files import TextSource
from messaging.imports.workbooks import WorkbookSource, is_workbook

MAX_FILE = 1024**3  # bytes


def open_rows(path: Path) -> RowSource:
    """Open a CSV or XLSX file. Raises UnreadableFile with a sentence for the person."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise UnreadableFile("missing", _("The file %(path)s cannot be opened.") % {"path": path.name}) from error
    if size > MAX_FILE:
        raise UnreadableFile("too_large", _("The file is larger than 1 GB. Split it."))
    if is_workbook(path):
        return WorkbookSource(path)
    with path.open("rb") as file:
        is_archive = file.read(4) == b"PK\x03\x04"
    if is_archive:
        raise UnreadableFile("not_a_table", _("This is no CSV or XLSX file. Export the contacts as CSV (UTF-8)."))
    return TextSource(path)
