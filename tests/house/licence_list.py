"""`python -m tests.house.licence_list`: writes docs/licences.md from what the installed run-time requirements say; `--check` only compares."""

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements.txt"
PAGE = ROOT / "docs" / "licences.md"
PINNED = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)")
ABSENT = "nothing said"
# Read by a person in the licence file of the package, because its metadata say nothing, name a file, or are not of this platform.
HAND_CHECKED: Mapping[str, tuple[str, str]] = {
    "async-timeout": ("Apache-2.0", "installed on Python before 3.11.3 only"),
    "capi-param-builder-python": ("Meta Platform licence", "royalty-free, for use with Meta's services only"),
    "click-plugins": ("BSD-3-Clause", "the metadata say New BSD"),
    "colorama": ("BSD-3-Clause", "installed on Windows only"),
    "facebook-business": ("Meta Platform licence", "royalty-free, for use with Meta's services only"),
    "httpx2-jsfetch": ("BSD-3-Clause", "installed in browsers (Emscripten) only"),
    "pyreqwest": ("Apache-2.0", "the metadata name no licence; the wheel holds the text"),
    "qrcode": ("BSD-3-Clause", "the classifier Other/Proprietary means an older MIT part in the same file"),
}
_UNMODIFIED = "unmodified, installed as a package of its own that anybody can replace"
# The LGPL lets a program use a library that stays replaceable. Each one is accepted by name.
LGPL_ACCEPTED: Mapping[str, str] = {
    "psycopg": f"{_UNMODIFIED}; the driver that the owner named",
    "psycopg-binary": f"{_UNMODIFIED}; psycopg's compiled part",
    "psycopg-pool": f"{_UNMODIFIED}; psycopg's pool",
    "pycountry": f"{_UNMODIFIED}; facebook-business needs it, we do not import it",
    "python-crontab": f"{_UNMODIFIED}; django-celery-beat needs it, we do not import it",
    "python-stdnum": f"{_UNMODIFIED}; check digits of tax numbers",
}
STRONG = re.compile(r"\bA?GPL|Affero|GNU General Public", re.IGNORECASE)
LESSER = re.compile(r"LGPL|Lesser General Public", re.IGNORECASE)
HEAD = """# Licences of the run-time requirements

What each pinned package of `requirements.txt` says of itself in its metadata; where that says nothing of use, a person read its licence file,
and the note says so. No package is under the GPL or the AGPL. Those under the LGPL are accepted one by one, with the reason.

"""


@dataclass(frozen=True, slots=True)
class Licence:
    """One requirement; `note` says why a person had to look, or why its licence is accepted."""

    name: str
    version: str
    terms: str
    note: str


def declared(fields: Iterable[tuple[str, str]]) -> str:
    """The licence that a package's metadata fields name: SPDX expression, else short text, else classifiers, else `ABSENT`."""
    values: dict[str, list[str]] = {}
    for key, value in fields:
        values.setdefault(key, []).append(value)
    classifiers = [item.rpartition(" :: ")[2] for item in values.get("Classifier", []) if item.startswith("License ::")]
    expression = values.get("License-Expression", [""])[0]
    written = values.get("License", [""])[0].strip()
    short = written if len(written) <= 40 and "\n" not in written and not written.lower().endswith(".txt") else ""
    # A classifier of one family says less than "BSD-3-Clause", and more than "Dual License".
    exact = short if re.search(r"\d", short) else ""
    return expression or exact or "; ".join(sorted(classifiers)) or short or ABSENT


def _fields(name: str) -> list[tuple[str, str]]:
    found = metadata.metadata(name)
    return [(key, value) for key in sorted(set(found)) for value in found.get_all(key) or []]


def licences(text: str) -> list[Licence]:
    """One entry for each package that a lock file pins. Raises LookupError for one that is neither installed nor checked by hand."""
    rows = []
    for name, version in PINNED.findall("\n".join(line for line in text.splitlines() if line[:1].isalnum())):
        if name in HAND_CHECKED:
            terms, note = HAND_CHECKED[name]
        else:
            try:
                terms, note = declared(_fields(name)), LGPL_ACCEPTED.get(name, "")
            except metadata.PackageNotFoundError:
                raise LookupError(
                    f"{name} is not installed here: read its licence and add it to HAND_CHECKED"
                ) from None
        rows.append(Licence(name, version, terms, note))
    return rows


def problems(rows: list[Licence], accepted: Mapping[str, str] = LGPL_ACCEPTED) -> list[str]:
    """Sentences about licences that a run-time requirement may not have, and about permissions that nobody needs."""
    found = []
    for row in rows:
        if STRONG.search(row.terms):
            found.append(f"{row.name} is under {row.terms}")
        elif LESSER.search(row.terms) and row.name not in accepted:
            found.append(f"{row.name} is under {row.terms}: accept it by name with a reason, or do without it")
        elif row.terms == ABSENT:
            found.append(f"{row.name} names no licence: read its files and add it to HAND_CHECKED")
    lesser = {row.name for row in rows if LESSER.search(row.terms)}
    found += [f"{name} is accepted and not needed" for name in accepted if name not in lesser]
    names = {row.name for row in rows}
    return found + [f"{name} is checked by hand and not needed" for name in HAND_CHECKED if name not in names]


def page_text() -> str:
    """The page, from the lock file and the installed packages."""
    rows = [
        f"| {row.name} | {row.version} | {row.terms} | {row.note} |"
        for row in licences(REQUIREMENTS.read_text("utf-8"))
    ]
    table = ["| Package | Version | Licence | Note |", "|---|---|---|---|", *rows]
    return HEAD + "\n".join(table) + "\n\nWritten by `make docs`.\n"


def main(arguments: list[str]) -> int:
    """Write the page; with `--check` say whether it is fresh."""
    if "--check" not in arguments:
        PAGE.write_text(page_text(), "utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text("utf-8") == page_text():
        return 0
    print("docs/licences.md is not fresh: run `make docs`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
