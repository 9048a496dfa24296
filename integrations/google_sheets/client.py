"""Spreadsheets through gspread's HTTP client: each method is one request, where gspread's objects ask for a spreadsheet's metadata beside it.

Google drops no repetition of an append. `append_rows_once` looks the keys up first, so that a whole job may be repeated.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests
from gspread.exceptions import APIError
from gspread.http_client import HTTPClient
from gspread.urls import DRIVE_FILES_API_V3_URL

from integrations.answers import Answers
from integrations.calling.calls import Calls
from integrations.errors import IntegrationError, Refused, UnexpectedResponse
from integrations.facts import ConnectionFacts
from integrations.google.access import GoogleAccess
from integrations.google.errors import google_failure

SERVICE = "google_sheets"
SHEETS = "https://sheets.googleapis.com"  # what gspread writes before each path
DRIVE = "https://www.googleapis.com"
SCOPES = ("https://www.googleapis.com/auth/spreadsheets", "https://www.googleapis.com/auth/drive")

NO_CREDENTIALS: Any = None  # gspread takes a session instead, but does not say so

Cell = str | int | float | bool | None
Rows = Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Worksheet:
    """One tab."""

    id: int
    title: str
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Spreadsheet:
    """A file with its tabs, in order."""

    id: str
    title: str
    worksheets: tuple[Worksheet, ...]


class GoogleSheetsClient:
    """Spreadsheets that are shared with the account. Ranges are in A1 notation with the tab, such as `'Métricas 2026'!A2:C`."""

    def __init__(self, connection: ConnectionFacts) -> None:
        self._access = GoogleAccess(connection, SCOPES)
        hosts = {SHEETS: connection.setting("base_url", SHEETS), DRIVE: connection.setting("drive_url", DRIVE)}
        self._session = _Session(self._access, hosts)
        self._calls = Calls(connection, _translated)

    def open(self, spreadsheet_id: str) -> Spreadsheet:
        """The file's name and tabs."""
        answers = Answers(SERVICE, "open")
        found = self._run("open", lambda http: http.fetch_sheet_metadata(spreadsheet_id))
        sheets = tuple(_worksheet(answers, row) for row in answers.mappings(found, "sheets"))
        return Spreadsheet(answers.text(found, "spreadsheetId"), answers.text(found, "properties", "title"), sheets)

    def read_range(self, spreadsheet_id: str, place: str) -> list[tuple[Cell, ...]]:
        """The cells of a range, numbers as numbers; empty rows and cells at the end are left out by Google."""
        params: Any = {"valueRenderOption": "UNFORMATTED_VALUE", "dateTimeRenderOption": "FORMATTED_STRING"}
        found = self._run("read_range", lambda http: http.values_get(spreadsheet_id, place, params))
        answers = Answers(SERVICE, "read_range")
        answers.text(found, "range")
        rows = answers.items(found, "values") if "values" in found else []
        return [_cells(answers, row) for row in rows]

    def append_rows(self, spreadsheet_id: str, place: str, rows: Rows) -> str:
        """Add rows below the table in a range; the range written. Never repeated blindly: see `append_rows_once`."""
        params: Any = {"valueInputOption": "RAW", "insertDataOption": "INSERT_ROWS"}
        body = {"values": [list(row) for row in rows]}
        found = self._run("append_rows", lambda http: http.values_append(spreadsheet_id, place, params, body))
        return Answers(SERVICE, "append_rows").text(found, "updates", "updatedRange")

    def append_rows_once(self, spreadsheet_id: str, keys: str, rows: Rows, *, key: int = 0) -> int:
        """Add those rows whose key is not in the column `keys` (`'Metrics'!A:A`) yet; how many. May be repeated after any error.

        `key` is the place of the key within a row. Two callers at the same moment would not see each other: let one job write a tab.
        """
        known = {str(row[0]) for row in self.read_range(spreadsheet_id, keys) if row}
        new: dict[str, Sequence[Cell]] = {}
        for row in rows:
            if str(row[key]) not in known:
                new.setdefault(str(row[key]), row)
        if new:
            self.append_rows(spreadsheet_id, keys, list(new.values()))
        return len(new)

    def update_range(self, spreadsheet_id: str, place: str, rows: Rows) -> int:
        """Write cells over what is there; how many."""
        params: Any = {"valueInputOption": "RAW"}
        body = {"values": [list(row) for row in rows]}
        found = self._run("update_range", lambda http: http.values_update(spreadsheet_id, place, params, body))
        return Answers(SERVICE, "update_range").integer(found, "updatedCells")

    def update_ranges(self, spreadsheet_id: str, ranges: Mapping[str, Rows]) -> int:
        """Write several ranges at once, all or none; how many cells."""
        data = [{"range": place, "values": [list(row) for row in rows]} for place, rows in ranges.items()]
        body = {"valueInputOption": "RAW", "data": data}
        found = self._run("update_ranges", lambda http: http.values_batch_update(spreadsheet_id, body))
        return Answers(SERVICE, "update_ranges").integer(found, "totalUpdatedCells")

    def add_worksheet(self, spreadsheet_id: str, title: str, *, rows: int = 1000, columns: int = 26) -> Worksheet:
        """A tab of this title, made unless it is there already."""
        grid = {"rowCount": rows, "columnCount": columns}
        body = {"requests": [{"addSheet": {"properties": {"title": title, "gridProperties": grid}}}]}
        answers = Answers(SERVICE, "add_worksheet")
        try:
            found = self._run("add_worksheet", lambda http: http.batch_update(spreadsheet_id, body))
        except Refused:
            # Google has one sentence for a name that is taken, and no code: so look.
            there = [each for each in self.open(spreadsheet_id).worksheets if each.title == title]
            if not there:
                raise
            return there[0]
        replies = list(answers.mappings(found, "replies"))
        if len(replies) != 1:
            raise answers.missing("reply")
        return _worksheet(answers, answers.mapping(replies[0], "addSheet"))

    def share(self, spreadsheet_id: str, email: str, *, role: str = "writer") -> str:
        """Let somebody in, without a message; the id of the permission, the same each time for one address."""
        params: Any = {"supportsAllDrives": "true", "sendNotificationEmail": "false"}
        body = {"type": "user", "role": role, "emailAddress": email}
        url = f"{DRIVE_FILES_API_V3_URL}/{spreadsheet_id}/permissions"
        found = self._run("share", lambda http: http.request("post", url, json=body, params=params).json())
        return Answers(SERVICE, "share").text(found, "id")

    def identity(self) -> str:
        """The address of the account, to share files with."""
        url = f"{DRIVE}/drive/v3/about"
        found = self._run("health", lambda http: http.request("get", url, params={"fields": "user"}).json())
        return Answers(SERVICE, "health").text(found, "user", "emailAddress")

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def _run(self, operation: str, call: Callable[[HTTPClient], Any]) -> Any:
        def attempt(seconds: float) -> Any:
            self._access.token(operation, seconds)  # its errors are of this operation, and say that it was not asked
            http = HTTPClient(NO_CREDENTIALS, self._session)
            http.set_timeout((min(10.0, seconds), seconds))
            return call(http)

        return self._calls.run(operation, attempt)


class _Session(requests.Session):
    """Sends gspread's requests to the connection's hosts with its token; no redirects, no proxies of the environment."""

    def __init__(self, access: GoogleAccess, hosts: Mapping[str, str]) -> None:
        super().__init__()
        self.trust_env = False
        self._access, self._hosts = access, {known: own.rstrip("/") for known, own in hosts.items()}

    def request(self, method: str | bytes, url: str | bytes, **rest: Any) -> requests.Response:  # type: ignore[override]
        """See requests.Session."""
        address = str(url)
        for known, own in self._hosts.items():
            if address.startswith(f"{known}/"):
                address = own + address.removeprefix(known)
        timeout = rest.get("timeout") or (10.0, 30.0)
        token = self._access.token("token", timeout[1])
        rest["headers"] = {**(rest.get("headers") or {}), "authorization": f"Bearer {token}"}
        rest["allow_redirects"] = False
        answer = super().request(method, address, **rest)
        if answer.status_code == 401:
            self._access.forget()
        return answer


def _translated(operation: str, error: Exception) -> IntegrationError | None:
    """Our error for gspread's; None for a broken connection."""
    if isinstance(error, APIError):
        return _refusal(operation, error.response)
    if isinstance(error, json.JSONDecodeError | requests.exceptions.JSONDecodeError | UnicodeDecodeError):
        return UnexpectedResponse(SERVICE, operation, "not_json", "the answer is not Google's", accepted_possible=True)
    return None


def _refusal(operation: str, response: requests.Response) -> IntegrationError:
    try:
        envelope = response.json()
    except ValueError:
        envelope = None
    written = response.headers.get("retry-after", "")
    wait = float(written) if written.isascii() and written.isdecimal() else None
    return google_failure(SERVICE, operation, response.status_code, envelope, wait)


def _worksheet(answers: Answers, row: object) -> Worksheet:
    return Worksheet(
        answers.integer(row, "properties", "sheetId"),
        answers.text(row, "properties", "title"),
        answers.integer(row, "properties", "gridProperties", "rowCount"),
        answers.integer(row, "properties", "gridProperties", "columnCount"),
    )


def _cells(answers: Answers, row: object) -> tuple[Cell, ...]:
    if not isinstance(row, list) or not all(isinstance(each, str | int | float | None) for each in row):
        raise answers.missing("row of cells")
    return tuple(row)


def build(connection: ConnectionFacts) -> GoogleSheetsClient:
    """The client for one connection. Raises `NotConfigured`."""
    return GoogleSheetsClient(connection)
