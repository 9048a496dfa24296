"""The table of faults that people read is the one that is run."""

import importlib

import pytest

from tests.faults.documents import DOCUMENT, IN_PROCESS, text


def test_the_document_says_what_the_rows_say() -> None:
    assert DOCUMENT.read_text("utf-8") == text()


@pytest.mark.parametrize("named", [test for _, _, test in IN_PROCESS])
def test_every_test_that_the_document_names_exists(named: str) -> None:
    path, name = named.split("::")
    assert callable(getattr(importlib.import_module(path.removesuffix(".py").replace("/", ".")), name))
