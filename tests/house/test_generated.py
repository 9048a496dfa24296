"""House rule 5: what is generated from declarations is fresh, and a stale copy is noticed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agency.selectors.retention import retention_page
from agency.settings.example import example_text, main
from benchmarks.report import RESULTS, performance_page
from integrations.catalogue import services_page
from integrations.completeness import problems
from tests.house.source import ROOT


def performance() -> str:
    return performance_page(json.loads(RESULTS.read_text("utf-8")))


GENERATED: dict[str, Callable[[], str]] = {
    "docs/services.md": services_page,
    "docs/retention.md": retention_page,
    ".env.example": example_text,
    "docs/performance.md": performance,
}


@pytest.mark.parametrize("path", GENERATED)
def test_a_generated_file_is_fresh(path: str) -> None:
    assert (ROOT / path).read_text("utf-8") == GENERATED[path](), f"{path}: run `make docs`"


def test_a_stale_example_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / ".env.example"
    assert main(path, []) == 0
    assert main(path, ["--check"]) == 0
    path.write_text(path.read_text("utf-8") + "FORGOTTEN=\n", "utf-8")
    assert main(path, ["--check"]) == 1
    assert "make docs" in capsys.readouterr().err


def test_every_service_folder_is_complete() -> None:
    assert problems() == []
