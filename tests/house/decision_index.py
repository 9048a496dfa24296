"""`python -m tests.house.decision_index`: writes docs/decisions/README.md from the titles of the decisions; `--check` only compares."""

import re
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "decisions"
TITLE = re.compile(r"# (\d{4}) (?:— )?(.+)")
HEAD = """# Decisions

One page each: the question, what was decided, what it costs, what was not chosen and why. When a decision changes, its page is rewritten,
or a new page says which one it replaces. A number is given once.

"""
GROUPS = (
    (100, "External services"),
    (110, "Webhooks in"),
    (120, "The sandbox"),
    (130, "The clock"),
    (140, "Doors: people, API, lists, health"),
    (150, "Campaigns"),
    (160, "Servers, tables, logs"),
    (172, "Libraries"),
    (190, "Others"),
)


def index_text(folder: Path = FOLDER) -> str:
    """The index of a folder of decisions. Raises ValueError for a page without number and title, or whose number is not its file's."""
    pages = []
    for path in sorted(folder.glob("[0-9]*.md")):
        found = TITLE.fullmatch(path.read_text("utf-8").splitlines()[0])
        if found is None or not path.name.startswith(f"{found[1]}-"):
            raise ValueError(f"{path.name} must begin with '# {path.name[:4]} — title'")
        pages.append((int(found[1]), found[2], path.name))
    lines = []
    for place, (first, heading) in enumerate(GROUPS):
        last = GROUPS[place + 1][0] if place + 1 < len(GROUPS) else 10_000
        group = [page for page in pages if first <= page[0] < last]
        if group:
            lines += [f"## {heading}", "", *(f"- {number:04} [{title}]({name})" for number, title, name in group), ""]
    return HEAD + "\n".join(lines).rstrip() + "\n\nWritten by `make docs`.\n"


def main(arguments: list[str]) -> int:
    """Write the index; with `--check` say whether it is fresh."""
    path = FOLDER / "README.md"
    if "--check" not in arguments:
        path.write_text(index_text(), "utf-8")
        return 0
    if path.is_file() and path.read_text("utf-8") == index_text():
        return 0
    print("docs/decisions/README.md is not fresh: run `make docs`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
