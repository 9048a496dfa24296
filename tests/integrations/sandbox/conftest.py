"""Fixtures for the tests of the sandbox."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .library import RunningLibrary, running_library


@pytest.fixture
def library(tmp_path: Path) -> Iterator[RunningLibrary]:
    """A sandbox with one small service."""
    with running_library(tmp_path / "log.jsonl") as running:
        yield running
