"""Google Sheets, imitated: files with tabs and cells, and the one call of Drive that lets people in. Mounted at `/google_sheets`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from integrations.google.sandbox_tokens import ACCESS_TOKEN, EMAIL, KEY_FILE, GoogleTokens, google_error
from integrations.sandbox.imitation import Imitation, known_fields
from integrations.sandbox.routes import Routes
from integrations.sandbox.wire import BadBody, Request, Response, json_response
from integrations.sandbox.world import World

SPREADSHEET = "1sandboxSpreadsheet"
FIRST_TAB = "metrics"
STATUS: Mapping[str, int] = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
}
_PLACE = re.compile(r"(?:'((?:[^']|'')+)'|([^'!:]+))(?:!([A-Z]*)(\d*)(?::([A-Z]*)(\d*))?)?")
SCOPES = frozenset({"https://www.googleapis.com/auth/spreadsheets", "https://www.googleapis.com/auth/drive"})


class Invalid(Exception):
    """Google's error: the name of a status and a sentence."""

    def __init__(self, text: str, name: str = "INVALID_ARGUMENT") -> None:
        super().__init__(text)
        self.name = name


@dataclass(slots=True)
class Account:
    """Who calls, and how he proves it."""

    name: str = "sandbox"
    email: str = EMAIL
    access_token: str = ACCESS_TOKEN
    service_account: str = KEY_FILE


@dataclass(slots=True)
class Tab:
    """One tab with its cells, row by row."""

    id: int
    title: str
    rows: int
    columns: int
    cells: list[list[Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Place:
    """A range, counted from 0; an end of None is the end of the tab."""

    tab: Tab
    row: int = 0
    column: int = 0
    end_row: int | None = None
    end_column: int | None = None

    def name(self, rows: int, columns: int) -> str:
        """The range of so many cells from here, in A1 notation."""
        first = f"{_letters(self.column)}{self.row + 1}"
        last = f"{_letters(self.column + max(columns, 1) - 1)}{self.row + max(rows, 1)}"
        title = self.tab.title if self.tab.title.isalnum() else "'" + self.tab.title.replace("'", "''") + "'"
        return f"{title}!{first}" + (f":{last}" if last != first else "")


class GoogleSheetsSandbox(Imitation):
    """The service."""

    slug = "google_sheets"
    title = "Google Sheets"
    routes = Routes(
        ("POST", "/token", "token"),
        ("GET", "/drive/v3/about", "health"),
        ("POST", "/drive/v3/files/{id}/permissions", "share"),
        ("GET", "/v4/spreadsheets/{id}", "open"),
        ("GET", "/v4/spreadsheets/{id}/values/{range}", "read_range"),
        ("POST", "/v4/spreadsheets/{id}/values/{range}:append", "append_rows"),
        ("PUT", "/v4/spreadsheets/{id}/values/{range}", "update_range"),
        ("POST", "/v4/spreadsheets/{id}/values:batchUpdate", "update_ranges"),
        ("POST", "/v4/spreadsheets/{id}:batchUpdate", "add_worksheet"),
    )

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._accounts: dict[str, Account] = {}
        self._tokens = GoogleTokens(SCOPES)
        self._tabs: dict[str, Tab] = {}
        self._people: dict[str, str] = {}
        self.clear()
        self.open_account({})

    def answer(self, operation: str, arguments: tuple[str, ...], request: Request) -> Response:
        """See Imitation."""
        if operation == "token":
            return self._tokens.answer(request, f"ya29.{self.world.new_id(8).hex()}")
        if not self._tokens.allows(request.bearer):
            return self.refusal("UNAUTHENTICATED")
        if operation == "health":
            return json_response(200, {"user": {"kind": "drive#user", "emailAddress": EMAIL, "me": True}})
        try:
            if arguments[0] != SPREADSHEET:
                raise Invalid("Requested entity was not found.", "NOT_FOUND")
            given = request.json() if request.body else {}
            content, written = self._done(operation, arguments[-1], given, request.query)
        except (BadBody, KeyError, TypeError, AttributeError):
            return google_error(400, "Invalid JSON payload received.", name="INVALID_ARGUMENT")
        except Invalid as invalid:
            return google_error(STATUS[invalid.name], str(invalid), name=invalid.name)
        if written:
            self.world.record_write(
                self, account="sandbox", operation=operation, reference=arguments[-1], body=request.body
            )
        return json_response(200, content)

    def _done(
        self, operation: str, place: str, given: Mapping[str, Any], query: Mapping[str, str]
    ) -> tuple[dict[str, Any], bool]:
        match operation:
            case "open":
                sheets = [_described(tab) for tab in self._tabs.values()]
                return {"spreadsheetId": SPREADSHEET, "properties": {"title": "Painel"}, "sheets": sheets}, False
            case "read_range":
                return self._read(self._place(place)), False
            case "append_rows":
                return self._append(self._place(place), _values(given, query.get("valueInputOption", ""))), True
            case "update_range":
                return self._write(self._place(place), _values(given, query.get("valueInputOption", ""))), True
            case "update_ranges":
                option = str(given.get("valueInputOption", ""))
                parts = [(self._place(each["range"]), _values(each, option)) for each in given["data"]]
                answers = [self._write(*each) for each in parts]
                total = sum(each["updatedCells"] for each in answers)
                return {"spreadsheetId": SPREADSHEET, "totalUpdatedCells": total, "responses": answers}, True
            case "add_worksheet":
                return self._add_tab(given), True
        email = str(given["emailAddress"])
        if "@" not in email or given.get("role") not in ("reader", "commenter", "writer"):
            raise Invalid("The permission is not valid.")
        key = self._people.setdefault(email, f"{len(self._people) + 1:020}")
        return {"kind": "drive#permission", "id": key, "type": "user", "role": given["role"]}, True

    def _place(self, written: str) -> Place:
        found = _PLACE.fullmatch(written)
        title = (found[1].replace("''", "'") if found[1] else found[2]) if found else ""
        tab = self._tabs.get(title)
        if found is None or tab is None:
            raise Invalid(f"Unable to parse range: {written}")
        column, row, end_column, end_row = found.groups()[2:]
        if end_column is None and end_row is None and (column or row):
            end_column, end_row = column, row
        return Place(
            tab,
            int(row) - 1 if row else 0,
            _number(column) if column else 0,
            int(end_row) if end_row else None,
            _number(end_column) + 1 if end_column else None,
        )

    def _read(self, place: Place) -> dict[str, Any]:
        rows = [_trimmed(row[place.column : place.end_column]) for row in place.tab.cells[place.row : place.end_row]]
        while rows and not rows[-1]:
            rows.pop()
        name = place.name(place.tab.rows - place.row, place.tab.columns - place.column)
        return {"range": name, "majorDimension": "ROWS", **({"values": rows} if rows else {})}

    def _write(self, place: Place, rows: list[list[Any]]) -> dict[str, Any]:
        width = max((len(row) for row in rows), default=0)
        too_high = place.end_row is not None and len(rows) > max(1, place.end_row - place.row)
        too_wide = place.end_column is not None and width > place.end_column - place.column
        single = place.end_row == place.row + 1 and place.end_column == place.column + 1
        if (too_high or too_wide) and not single:
            raise Invalid("Requested writing within range, but tried writing outside of it.")
        for offset, row in enumerate(rows):
            cells = place.tab.cells
            while len(cells) <= place.row + offset:
                cells.append([])
            line = cells[place.row + offset]
            line += [""] * (place.column + len(row) - len(line))
            for step, value in enumerate(row):
                if value is not None:  # null leaves a cell as it is
                    line[place.column + step] = value
        return {
            "spreadsheetId": SPREADSHEET,
            "updatedRange": place.name(len(rows), width),
            "updatedRows": len(rows),
            "updatedColumns": width,
            "updatedCells": sum(len(row) for row in rows),
        }

    def _append(self, place: Place, rows: list[list[Any]]) -> dict[str, Any]:
        used = max((number for number, row in enumerate(place.tab.cells, start=1) if _trimmed(row)), default=0)
        table = {"tableRange": Place(place.tab).name(used, place.tab.columns)} if used else {}
        return {
            "spreadsheetId": SPREADSHEET,
            **table,
            "updates": self._write(Place(place.tab, used, place.column), rows),
        }

    def _add_tab(self, given: Mapping[str, Any]) -> dict[str, Any]:
        [request] = given["requests"]
        wanted = request["addSheet"]["properties"]
        title, grid = str(wanted["title"]), wanted.get("gridProperties", {})
        if title in self._tabs:
            text = f'Invalid requests[0].addSheet: A sheet with the name "{title}" already exists. Please enter another name.'
            raise Invalid(text)
        tab = Tab(1000 + len(self._tabs), title, int(grid.get("rowCount", 1000)), int(grid.get("columnCount", 26)))
        self._tabs[title] = tab
        return {"spreadsheetId": SPREADSHEET, "replies": [{"addSheet": _described(tab)}]}

    def unknown_route(self, request: Request) -> Response:
        """See Imitation."""
        return Response(404, b"<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>", "text/html; charset=UTF-8")

    def rate_limited(self, retry_after: float) -> Response:
        """See Imitation."""
        answer = self.refusal("RESOURCE_EXHAUSTED")
        return Response(answer.status, answer.body, headers=(("retry-after", str(max(1, round(retry_after)))),))

    def broken(self) -> Response:
        """See Imitation."""
        return self.refusal("INTERNAL")

    def refusal(self, code: str) -> Response:
        """See Imitation."""
        return google_error(STATUS[code], f"imitated: {code}", name=code)

    def codes(self) -> Collection[str]:
        """See Imitation."""
        return STATUS

    def expired_token(self, operation: str) -> Response | None:
        """See Imitation."""
        return google_error(401, "Request had invalid authentication credentials.", name="UNAUTHENTICATED")

    def missing_scope(self, operation: str) -> Response | None:
        """See Imitation."""
        content = {
            "code": 403,
            "message": "Request had insufficient authentication scopes.",
            "status": "PERMISSION_DENIED",
            "details": [
                {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}
            ],
        }
        return json_response(403, {"error": content})

    def open_account(self, given: dict[str, Any]) -> dict[str, Any]:
        """See Imitation."""
        account = Account(**known_fields(Account, given))
        self._accounts[account.name] = account
        return asdict(account)

    def accounts(self) -> list[dict[str, Any]]:
        """See Imitation."""
        return [asdict(account) for account in self._accounts.values()]

    def clear(self) -> None:
        """See Imitation."""
        head: list[list[Any]] = [["key", "day", "spend"], ["ads:1", "2026-11-19", 12.5], ["ads:2", "2026-11-20", 30]]
        self._tabs = {FIRST_TAB: Tab(0, FIRST_TAB, 1000, 26, head)}
        self._people = {}


def _values(given: Mapping[str, Any], option: str) -> list[list[Any]]:
    if option not in ("RAW", "USER_ENTERED"):
        raise Invalid("'valueInputOption' is required but not specified")
    rows = given["values"]
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise Invalid("Invalid values: list_value expected.")
    if any(not isinstance(cell, str | int | float | None) for row in rows for cell in row):
        raise Invalid("Invalid values: struct_value.")
    return rows


def _described(tab: Tab) -> dict[str, Any]:
    grid = {"rowCount": tab.rows, "columnCount": tab.columns}
    properties = {"sheetId": tab.id, "title": tab.title, "index": 0, "sheetType": "GRID", "gridProperties": grid}
    return {"properties": properties}


def _trimmed(row: list[Any]) -> list[Any]:
    kept = list(row)
    while kept and kept[-1] == "":
        kept.pop()
    return kept


def _number(letters: str) -> int:
    found = 0
    for letter in letters:
        found = found * 26 + ord(letter) - 64
    return found - 1


def _letters(number: int) -> str:
    found = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        found = chr(65 + rest) + found
    return found


IMITATIONS = (GoogleSheetsSandbox,)
