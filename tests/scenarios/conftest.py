"""One platform for all scenarios; each makes a client of its own on it."""

from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from tests.committed import live_servers
from tests.scenarios.stage import Stage, running_stage


@pytest.fixture(scope="package")
def stage(
    migrated_database: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """The running platform; while it runs, this process's own ORM sees its committed database."""
    with (
        django_db_blocker.unblock(),
        live_servers("scenarios") as live,
        running_stage(live, tmp_path_factory.mktemp("scenarios")) as running,
    ):
        yield running
