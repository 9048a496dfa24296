"""The documents are true where a machine can tell: links lead somewhere, paths and names exist, numbers are those of the code."""

import re
import shlex
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import get_commands
from django.utils.module_loading import import_string

from tests.house.decision_index import FOLDER, index_text

ROOT = Path(settings.BASE_DIR)
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
PACKAGES = "agency|automations|benchmarks|campaigns|deploy|docs|finance|integrations|locale|messaging|templates|tests"
PATH = re.compile(rf"(?:{PACKAGES})(?:/[\w.@-]+)+/?")
DOTTED = re.compile(r"(?:agency|automations|campaigns|integrations|messaging)(?:\.\w+)+")


def prose(page: Path) -> str:
    return page.read_text("utf-8")


def headings(page: Path) -> set[str]:
    found = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def broken_links(page: Path) -> list[str]:
    broken = []
    for target in LINK.findall(prose(page)):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists() or (anchor and anchor not in headings(path)):
            broken.append(target)
    return broken


def missing_paths(page: Path) -> list[str]:
    texts = CODE.findall(prose(page))
    named = [text for text in texts if PATH.fullmatch(text)]
    return [name for name in named if not any((folder / name).exists() for folder in (ROOT, page.parent))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_leads_somewhere(page: Path) -> None:
    assert broken_links(page) == []
    assert missing_paths(page) == []


def test_the_checks_see_what_is_wrong(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A\n[x](#b) `docs/nowhere.md` `agency/kit`\n")
    assert broken_links(page) == ["#b"]
    assert missing_paths(page) == ["docs/nowhere.md"]


def test_commands_that_are_named_exist() -> None:
    everything = "\n".join(prose(page) for page in PAGES)
    targets = set(re.findall(r"^([a-z][a-z-]*):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", everything)) - targets == set()
    assert set(re.findall(r"manage\.py ([a-z_]+)", everything)) - set(get_commands()) == set()


def test_the_glossary_names_what_is_there() -> None:
    text = prose(ROOT / "docs" / "glossary.md")
    tasks = {"messaging.send_batch", "agency.canary"}
    for name in {name for name in CODE.findall(text) if DOTTED.fullmatch(name)} - tasks:
        import_string(name) if name.rsplit(".", 1)[1][0].isupper() or "states." in name else __import__(name)
    for model, field in re.findall(r"`(Recipient|Sender|Contact|Campaign)\.(\w+)`", text):
        label = "outreach" if model == "Campaign" else "messaging"
        apps.get_model(label, model)._meta.get_field(field)
    first_words = re.findall(r"^\| ([^|]+?) \|", text, re.MULTILINE)
    words = [word for word in first_words if word not in ("English", "---")]
    assert len(words) == len(set(words)), "one meaning each"


def test_every_decision_is_in_the_index(tmp_path: Path) -> None:
    assert (FOLDER / "README.md").read_text("utf-8") == index_text(), "run `make docs`"
    (tmp_path / "0001-x.md").write_text("# 0002 — Another number\n")
    with pytest.raises(ValueError, match="0001-x.md must begin"):
        index_text(tmp_path)


def test_connections_are_counted_from_the_procfile() -> None:
    """The table in operations.md is this arithmetic."""
    lines = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    pool = settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"]
    text = prose(ROOT / "docs" / "operations.md")
    total = 0
    for name, copies in (("web", 1), ("worker", 1), ("sender", 1), ("beat", 2)):
        words = shlex.split(lines[name])
        children = int(words[words.index("--concurrency") + 1]) if "--concurrency" in words else 0
        processes = (children + 1) * copies
        most = processes * pool
        total += most
        row = re.search(rf"^\| {name} \| (.+) \|$", text, re.MULTILINE)
        assert row is not None, name
        assert row[1].split(" | ")[-2:] == [str(processes), str(most)], name
    assert f"**{total}**" in text
