"""Supply: every run-time requirement has a licence that lets an agency run it, and the page says which."""

import pytest

from tests.house.licence_list import (
    ABSENT,
    HAND_CHECKED,
    LGPL_ACCEPTED,
    PAGE,
    REQUIREMENTS,
    Licence,
    declared,
    licences,
    page_text,
    problems,
)


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text("utf-8") == page_text(), "run `make docs`"


def test_no_requirement_has_a_forbidden_licence() -> None:
    rows = licences(REQUIREMENTS.read_text("utf-8"))
    assert {"celery", "django", "psycopg", "pyreqwest"} <= {row.name for row in rows}
    assert problems(rows) == []


@pytest.mark.parametrize(
    ("terms", "refused"),
    [
        ("GPL-3.0-only", True),
        ("GNU General Public License v2 (GPLv2)", True),
        ("GNU Affero General Public License v3", True),
        ("AGPL-3.0-or-later", True),
        ("LGPL-3.0-only", True),  # nobody accepted it
        ("GNU Lesser General Public License v2 (LGPLv2)", True),
        (ABSENT, True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", False),
    ],
)
def test_what_is_refused(terms: str, refused: bool) -> None:
    needed = [Licence(name, "1", "LGPL", "") for name in LGPL_ACCEPTED]
    checked = [Licence(name, "1", "MIT", "") for name in HAND_CHECKED]
    assert problems([*needed, *checked]) == []
    assert bool(problems([*needed, *checked, Licence("sample", "1", terms, "")])) is refused


def test_a_package_that_is_not_here_must_be_checked_by_hand() -> None:
    with pytest.raises(LookupError, match="no-such-package-at-all"):
        licences("no-such-package-at-all==1.0 \\\n    --hash=sha256:00\n")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([("License-Expression", "MIT"), ("License", "Other")], "MIT"),
        ([("License", "BSD-3-Clause"), ("Classifier", "License :: OSI Approved :: BSD License")], "BSD-3-Clause"),
        ([("License", "Dual License"), ("Classifier", "License :: OSI Approved :: MIT License")], "MIT License"),
        ([("License", "BSD")], "BSD"),
        ([("License", "LICENSE.txt")], ABSENT),
        ([], ABSENT),
    ],
)
def test_which_of_its_fields_counts(fields: list[tuple[str, str]], expected: str) -> None:
    assert declared(fields) == expected
