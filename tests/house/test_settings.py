"""House rule 13 and the engine's first rule: where settings are read, and what Celery is told."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from celery import current_app
from django.conf import settings

from tests.house.source import ROOT, Module, sample, violations

# file → why it touches the environment although it reads no setting from it
EXCEPTIONS = {
    "manage.py": "Django's entry point names the settings module",
    "agency/celery.py": "Celery's entry point names the settings module",
    "agency/asgi.py": "the web server's entry point names the settings module",
    "agency/processes.py": "the environment is handed on to the processes it starts",
    "integrations/sandbox/runner.py": "the environment is handed on to the process it starts",
    "agency/embedded/borrowing.py": "tells the processes it starts where the borrowed servers are",
}

# Engine rule 1: what must be told to Celery, and what.
CELERY = {
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    "task_create_missing_queues": False,
    "worker_soft_shutdown_timeout": 20,
    "worker_cancel_long_running_tasks_on_connection_loss": True,
    "beat_sync_every": 1,
    "beat_cron_starting_deadline": 300,
}


def environment_reads(module: Module) -> Iterator[str]:
    """`os.environ` and `os.getenv` outside the settings."""
    path = str(module.path)
    if path.startswith("agency/settings/") or path in EXCEPTIONS:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}:
            yield f"{module.at(node)}: settings are read in agency/settings"
        if (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and {"environ", "getenv"} & {alias.name for alias in node.names}
        ):
            yield f"{module.at(node)}: settings are read in agency/settings"


@pytest.mark.parametrize(
    "bad", ["import os\nx = os.environ['X']", "import os\nx = os.getenv('X')", "from os import environ"]
)
def test_a_read_of_the_environment_is_found(bad: str) -> None:
    assert len(list(environment_reads(sample("messaging/x.py", bad)))) == 1
    assert list(environment_reads(sample("agency/settings/x.py", bad))) == []


def test_the_environment_is_read_in_the_settings_only() -> None:
    assert violations(environment_reads) == ""
    for path in EXCEPTIONS:
        assert "os.environ" in (ROOT / path).read_text("utf-8"), f"{path} is no longer an exception"


def test_celery_is_told_what_the_engine_needs() -> None:
    told = {name: getattr(current_app.conf, name) for name in CELERY}
    assert told == CELERY


def test_the_visibility_timeout_is_one_and_longer_than_any_task() -> None:
    conf = current_app.conf
    places = {
        conf.broker_transport_options["visibility_timeout"],
        conf.result_backend_transport_options["visibility_timeout"],
        conf.visibility_timeout,
    }
    # A task that acknowledges at once is never delivered again, however long it takes.
    late = [task for task in current_app.tasks.values() if task.acks_late is not False]
    limits = [conf.task_time_limit, *(task.time_limit for task in late if task.time_limit)]
    assert places == {settings.VISIBILITY_TIMEOUT}
    assert max(limits) < settings.VISIBILITY_TIMEOUT


def test_the_broker_connection_notices_silence() -> None:
    options = current_app.conf.broker_transport_options
    assert {"socket_timeout", "socket_connect_timeout", "socket_keepalive", "health_check_interval"} <= set(options)


def test_each_queue_has_its_own_exchange_and_key() -> None:
    queues = current_app.conf.task_queues
    assert {(queue.name, queue.exchange.name, queue.exchange.type, queue.routing_key) for queue in queues} == {
        (name, name, "direct", name) for name in settings.QUEUES
    }


def test_each_setting_of_celery_says_why() -> None:
    """On its line, or in a comment above it."""
    lines = (ROOT / "agency/settings/base.py").read_text("utf-8").splitlines()
    silent = {
        line.split(" ")[0]
        for before, line in pairwise(lines)
        if line.startswith("CELERY_") and "#" not in line and not before.startswith("#")
    }
    assert silent == {
        "CELERY_VISIBILITY_TIMEOUT",  # said at VISIBILITY_TIMEOUT
        "CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS",
        "CELERY_BROKER_TRANSPORT_OPTIONS",  # said line by line
        "CELERY_TASK_ROUTES",  # the table above it
    }


def test_pinned_versions_have_what_the_engine_stands_on() -> None:
    pinned = dict(
        re.findall(r"^(celery|kombu)==([\d.]+)", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE)
    )
    assert {name: tuple(map(int, version.split(".")[:2])) >= (5, 7) for name, version in pinned.items()} == {
        "celery": True,
        "kombu": True,
    }
