"""What holds for every test, and what any may ask for: the sandbox as a process of its own, servers for real processes."""

import os
import shutil
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import setup_databases, teardown_databases
from hypothesis import settings
from pytest_django import DjangoDbBlocker

from agency.embedded import TEST_PURPOSES
from integrations.sandbox.runner import RunningSandbox, running_sandbox
from tests.committed import Live, live_servers

# No time limit per example: a busy machine says nothing about a rule. The same examples in every run.
settings.register_profile("house", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("house")


# Programs that only some tests need, by marker. `.ci/run` installs them and sets NOTHING_SKIPPED, so that none is left out there.
NEEDED_PROGRAMS = {"browser": ("chromium",), "gettext": ("msgfmt", "msgen", "xgettext", "msguniq")}


def missing_programs(marker: str) -> list[str]:
    """What this machine lacks for the tests of a marker."""
    return [program for program in NEEDED_PROGRAMS[marker] if shutil.which(program) is None]


def pytest_xdist_auto_num_workers() -> int:
    """One process for each pair of private servers, as far as there are cores; one alone on servers that are given from outside."""
    given = os.environ.get("DATABASE_URL") or os.environ.get("REDIS_URL")
    return 1 if given else min(len(TEST_PURPOSES), os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, and say so in the summary, what needs a program that is not installed."""
    if os.environ.get("NOTHING_SKIPPED"):
        return
    for marker in NEEDED_PROGRAMS:
        missing = missing_programs(marker)
        if missing:
            reason = f"needs {', '.join(missing)}, which this machine does not have"
            for item in items:
                if item.get_closest_marker(marker):
                    item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def migrated_database(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The migrated test database, also where no test of the session uses it directly (pytest-django makes none then)."""
    with django_db_blocker.unblock():
        if str(connection.settings_dict["NAME"]).startswith("test_"):
            yield
            return
        made = setup_databases(verbosity=0, interactive=False)
        yield
        teardown_databases(made, verbosity=0)


@pytest.fixture
def live(request: pytest.FixtureRequest, migrated_database: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Live]:
    """Servers for real processes; this test's own ORM sees the same committed database. Not beside the mark `django_db`."""
    with django_db_blocker.unblock(), live_servers(request.node.module.__name__.rpartition(".")[2]) as servers:
        yield servers


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[RunningSandbox]:
    """One sandbox for the session, at a thousandfold speed; use `sandbox`, which cleans it."""
    with running_sandbox(time_scale=1000.0) as running:
        yield running


@pytest.fixture
def sandbox(shared_sandbox: RunningSandbox) -> Iterator[RunningSandbox]:
    """A sandbox without messages, faults and outcomes; the accounts of other tests stay."""
    shared_sandbox.control.reset()
    yield shared_sandbox
    shared_sandbox.control.reset()
