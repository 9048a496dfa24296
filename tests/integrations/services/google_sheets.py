"""Google Sheets."""

import uuid

from integrations.errors import AuthenticationFailed, RateLimited, Refused, TemporaryFailure
from integrations.google.sandbox_tokens import EMAIL, KEY_FILE
from integrations.google_sheets.client import GoogleSheetsClient, Spreadsheet, Worksheet
from integrations.google_sheets.sandbox import SPREADSHEET
from tests.integrations.services.cases import Case, Contract, connection, equals

TABS = ("sheets", "sheets[].properties")
GRID = ("sheetId", "title", "gridProperties", "gridProperties.rowCount", "gridProperties.columnCount")
HEAD = [("key", "day", "spend"), ("ads:1", "2026-11-19", 12.5), ("ads:2", "2026-11-20", 30)]


def appended(client: GoogleSheetsClient) -> tuple[str, object]:
    """Add two rows, and read the last of them."""
    place = client.append_rows(SPREADSHEET, "metrics!A:C", [["ads:3", "2026-11-21", 1], ["ads:4", "2026-11-21", 2.5]])
    return place, client.read_range(SPREADSHEET, place)[-1]


def was_appended(found: tuple[str, object]) -> None:
    place, last = found
    assert place.startswith("metrics!A")
    assert last == ("ads:4", "2026-11-21", 2.5)


def updated(client: GoogleSheetsClient) -> tuple[int, object, object]:
    number = client.update_range(SPREADSHEET, "metrics!F1:G2", [["a", True], [None, 0.5]])
    return number, client.read_range(SPREADSHEET, "metrics!F1:G2"), client.read_range(SPREADSHEET, "metrics!X1:Z9")


def updated_both(client: GoogleSheetsClient) -> tuple[int, object]:
    number = client.update_ranges(SPREADSHEET, {"metrics!J1": [["x", "y"]], "metrics!J2:K2": [[1, 2]]})
    return number, client.read_range(SPREADSHEET, "metrics!J1:K2")


def with_tab(client: GoogleSheetsClient) -> tuple[Worksheet, Worksheet, object]:
    """A new tab, the same once more, and a range of it."""
    title = f"Cliente d'Ouro {uuid.uuid4()}"
    made = client.add_worksheet(SPREADSHEET, title, rows=50, columns=4)
    quoted = title.replace("'", "''")
    return made, client.add_worksheet(SPREADSHEET, title), client.read_range(SPREADSHEET, f"'{quoted}'!A1:D9")


def was_made(found: tuple[Worksheet, Worksheet, object]) -> None:
    made, again, cells = found
    assert made == again
    assert (made.rows, made.columns, cells) == (50, 4, [])


def opened(found: Spreadsheet) -> None:
    assert (found.id, found.title) == (SPREADSHEET, "Painel")
    assert found.worksheets[0] == Worksheet(0, "metrics", 1000, 26)


def shared(client: GoogleSheetsClient) -> bool:
    return client.share(SPREADSHEET, "ana@example.com") == client.share(SPREADSHEET, "ana@example.com", role="reader")


CONTRACT = Contract(
    slug="google_sheets",
    connect=lambda sandbox: connection("google_sheets", sandbox, {"service_account": KEY_FILE}),
    refused_operation="update_range",
    refusals={
        "INVALID_ARGUMENT": Refused,
        "NOT_FOUND": Refused,
        "PERMISSION_DENIED": Refused,
        "UNAUTHENTICATED": AuthenticationFailed,
        "ABORTED": TemporaryFailure,
        "INTERNAL": TemporaryFailure,
        "RESOURCE_EXHAUSTED": RateLimited,
    },
    cases=(
        Case(
            "open",
            lambda client: client.open(SPREADSHEET),
            opened,
            required=("spreadsheetId", "properties.title", *TABS, *(f"sheets[].properties.{name}" for name in GRID)),
        ),
        Case(
            "read_range",
            lambda client: client.read_range(SPREADSHEET, "metrics!A1:C3"),
            equals(HEAD),
            required=("range",),
        ),
        Case("append_rows", appended, was_appended, required=("updates", "updates.updatedRange")),
        Case(
            "update_range",
            updated,
            equals((4, [("a", True), ("", 0.5)], [])),
            required=("updatedCells",),
        ),
        Case("update_ranges", updated_both, equals((4, [("x", "y"), (1, 2)])), required=("totalUpdatedCells",)),
        Case(
            "add_worksheet",
            with_tab,
            was_made,
            required=("replies", "replies[].addSheet", *(f"replies[].addSheet.properties.{name}" for name in GRID)),
        ),
        Case("share", shared, equals(True), required=("id",), writes=2),
        Case(
            "health",
            lambda client: client.identity(),
            equals(EMAIL),
            required=("user", "user.emailAddress"),
            is_live=True,
        ),
    ),
)
