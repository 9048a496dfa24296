"""House rule 2: imports point down. The contracts of pyproject.toml hold for the product, and refuse samples that break them."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house.source import PACKAGES, ROOT

LINT_IMPORTS = Path(sys.executable).parent / "lint-imports"
ROOMS = ("admin", "management", "operations", "runners", "selectors", "models", "rules")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache", "--no-logo", "--config", "pyproject.toml"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with every package and room of the house, empty, under the same contracts."""
    folder = tmp_path_factory.mktemp("house")
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    (folder / "pyproject.toml").write_text(text[text.index("[tool.importlinter]") :], "utf-8")
    for package in (*PACKAGES, "campaigns/outreach"):
        for room in ("", *ROOMS):
            (folder / package / room).mkdir(parents=True, exist_ok=True)
            (folder / package / room / "__init__.py").touch()
        (folder / package / "states.py").touch()
    for room in ("kit", "embedded", "settings"):
        (folder / "agency" / room).mkdir()
        (folder / "agency" / room / "__init__.py").touch()
    for service in ("client", "sandbox", "webhook", "health"):
        (folder / "integrations" / "twilio").mkdir(exist_ok=True)
        (folder / "integrations" / "twilio" / "__init__.py").touch()
        (folder / "integrations" / "twilio" / f"{service}.py").touch()
    return folder


def test_the_product_keeps_its_contracts() -> None:
    answer = lint(ROOT)
    assert "0 broken" in answer.stdout, answer.stdout + answer.stderr
    assert answer.returncode == 0


def test_every_package_is_under_the_contracts() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert set(settings["root_packages"]) == found == set(PACKAGES)


def test_an_empty_house_is_kept(miniature: Path) -> None:
    answer = lint(miniature)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("integrations/operations/x.py", "import messaging.models"),  # upwards
        ("finance/operations/x.py", "import campaigns.outreach"),  # a sibling
        ("messaging/models/x.py", "import messaging.operations"),  # a room above
        ("messaging/selectors/x.py", "import messaging.admin"),  # a door
        ("messaging/rules/x.py", "import django.db"),  # not pure
        ("messaging/operations/x.py", "import httpx"),  # a client of its own
        ("automations/runners/x.py", "import integrations.twilio.client"),  # past the capability
        ("agency/embedded/x.py", "import django.conf"),  # must run before Django
    ],
)
def test_a_broken_contract_is_found(file: str, line: str, miniature: Path) -> None:
    path = miniature / file
    path.write_text(f"{line}\n", "utf-8")
    try:
        answer = lint(miniature)
    finally:
        path.unlink()
    assert "1 broken" in answer.stdout or "2 broken" in answer.stdout, answer.stdout + answer.stderr
    assert answer.returncode == 1
