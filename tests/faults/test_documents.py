"""The table of faults that people read is the one that is run."""

from tests.faults.documents import DOCUMENT, text


def test_the_document_says_what_the_rows_say() -> None:
    assert DOCUMENT.read_text("utf-8") == text()
