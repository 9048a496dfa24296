"""Private servers of a made-up checkout below a directory that nobody else may enter, stopped and removed afterwards."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from agency.embedded import Home, stop


def _home(directory: Path) -> Iterator[Home]:
    directory.chmod(0o700)
    checkout = directory / "a checkout"
    checkout.mkdir()
    home = Home(checkout)
    try:
        yield home
    finally:
        stop(home=home)
        shutil.rmtree(home.path, ignore_errors=True)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A checkout of its own, nothing started."""
    yield from _home(tmp_path)


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """One checkout for the tests of a module: each finds the clusters made, in whatever state the one before left them."""
    yield from _home(tmp_path_factory.mktemp("shared"))
