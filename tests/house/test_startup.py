"""Starting Django loads no vendor's library and costs little: a process that never calls a service does not pay for it."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source import ROOT
from tests.house.vendors import vendor_modules

MOST_SECONDS = 2.0  # of CPU, on the machine that house.md was measured on
# What that machine needs for the yardstick below; a slower one may need as much more.
YARDSTICK_SECONDS = 0.43

START = """
import json, sys, time
before = time.process_time()
{work}
print(json.dumps([time.process_time() - before, sorted({{name.partition(".")[0] for name in sys.modules}})]))
"""
SET_UP = "import django; django.setup()"
YARDSTICK = "sum(number * number % 7 for number in range(6_000_000))"


def fresh_process(work: str, bytecode: Path) -> tuple[float, set[str]]:
    """(CPU seconds, top-level modules) of a new interpreter that does `work`, with what it compiles kept in `bytecode`."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    own = {
        "DJANGO_SETTINGS_MODULE": "agency.settings.test",
        "BATUTA_SERVERS": "none",
        "PYTHONPYCACHEPREFIX": str(bytecode),
    }
    done = subprocess.run(
        [sys.executable, "-c", START.format(work=work)],
        cwd=ROOT,
        env=kept | own,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    seconds, modules = json.loads(done.stdout.splitlines()[-1])
    return seconds, set(modules)


@pytest.fixture(scope="module")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything compiled once, as on any machine where it ran before."""
    folder = tmp_path_factory.mktemp("bytecode")
    fresh_process(SET_UP, folder)
    return folder


def test_setup_loads_no_vendors_library(bytecode: Path) -> None:
    _seconds, modules = fresh_process(SET_UP, bytecode)
    assert {"django", "celery", "messaging"} <= modules
    assert sorted(modules & vendor_modules()) == []


def test_the_look_sees_a_library_that_is_loaded(bytecode: Path) -> None:
    _seconds, modules = fresh_process(f"{SET_UP}\nimport httpx", bytecode)
    assert {"httpx"} <= modules & vendor_modules() <= {"h11", "httpcore", "httpx"}


def test_the_vendors_are_those_of_the_requirements() -> None:
    ours = {
        "boto3",
        "dns",
        "facebook_business",
        "google",
        "gspread",
        "notion_client",
        "pyreqwest",
        "slack_sdk",
        "twilio",
    }
    assert ours <= vendor_modules()
    assert not vendor_modules() & {"celery", "django", "ninja", "redis", "resend", "agency"}


def test_setup_costs_less_than_two_seconds(bytecode: Path) -> None:
    """The better of two, against what this machine needs for a plain loop."""
    cost = min(fresh_process(SET_UP, bytecode)[0] for _attempt in range(2))
    slowness = max(1.0, min(fresh_process(YARDSTICK, bytecode)[0] for _attempt in range(2)) / YARDSTICK_SECONDS)
    assert cost < MOST_SECONDS * slowness, f"{cost:.2f} s of CPU on a machine {slowness:.1f} times as slow"


def test_the_project_package_imports_the_celery_app_and_nothing_else() -> None:
    tree = ast.parse((ROOT / "agency/__init__.py").read_text("utf-8"))
    imports = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert imports == ["from agency.celery import app as celery_app"]
