"""Drive v3 over our own HTTP client: the vendor's (google-api-python-client) weighs 100 MB, is not safe between threads, and sends uploads past
a changed address. See docs/decisions/0224.

Drive drops no repetition of what makes a file. Whoever makes one gives a `key`, kept in the file's appProperties, and looks for it with
`find_by_key` when an answer was lost. The parts of a large upload may be repeated: Drive says how much it has.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote

import orjson

from integrations.answers import Answers
from integrations.calling.calls import Calls
from integrations.errors import IntegrationError, TemporaryFailure, UnexpectedResponse
from integrations.facts import ConnectionFacts
from integrations.google.access import GoogleAccess
from integrations.google.errors import google_failure
from integrations.http import HttpResponse, SyncHttpClient

SERVICE = "google_drive"
BASE_URL = "https://www.googleapis.com"
SCOPES = ("https://www.googleapis.com/auth/drive",)
FOLDER = "application/vnd.google-apps.folder"
KEY = "batuta"  # the name of our key in appProperties
FIELDS = "id,name,mimeType,webViewLink,appProperties,md5Checksum,size,trashed"
PAGE = 100
MOST_PAGES = 1_000
LARGEST_ANSWER = 64 * 1024 * 1024
SMALL = 5 * 1024 * 1024  # bytes that go in one request
PART = 8 * 1024 * 1024  # bytes; a multiple of 256 KiB, as Drive asks
INCOMPLETE = 308
_RECEIVED = re.compile(r"bytes=0-(\d+)")


@dataclass(frozen=True, slots=True)
class DriveFile:
    """A file or folder. `md5` and `size` are empty for Google's own kinds; `key` is ours."""

    id: str
    name: str
    mime_type: str
    link: str = ""
    key: str = ""
    md5: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Permission:
    """Who may do what: `role` is reader, commenter, writer, organizer or owner."""

    id: str
    role: str
    email: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """A large upload that was begun; Drive keeps it for a week."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class WatchChannel:
    """A channel on which Drive tells changes of a file, until it ends."""

    id: str
    resource_id: str
    ends_at_ms: int


class GoogleDriveClient:
    """The files that the account may see, those of shared drives among them. Safe to share between threads."""

    def __init__(self, connection: ConnectionFacts) -> None:
        self._connection = connection
        self._access = GoogleAccess(connection, SCOPES)
        self._calls = Calls(connection, lambda operation, error: None)
        self._base_url = connection.setting("base_url", BASE_URL).rstrip("/")
        self._http = SyncHttpClient(
            self._base_url, service=SERVICE, timeout=self._calls.policy.timeout, max_response_bytes=LARGEST_ANSWER
        )

    def get_file(self, file_id: str) -> DriveFile:
        """What is known of a file."""
        return self._file("get_file", "GET", _path(file_id), query={"fields": FIELDS})

    def list_files(self, *, parent: str = "", where: str = "") -> Iterator[DriveFile]:
        """Files not in the trash, a hundred at a time while they are taken; `where` is a condition in Drive's language."""
        conditions = [
            "trashed = false",
            *([f"'{quoted(parent)}' in parents"] if parent else []),
            *filter(None, [where]),
        ]
        query = {
            "q": " and ".join(conditions),
            "fields": f"nextPageToken,files({FIELDS})",
            "pageSize": str(PAGE),
            "includeItemsFromAllDrives": "true",
        }
        answers = _answers("list_files")
        for _page in range(MOST_PAGES):
            found = self._run("list_files", "GET", "/drive/v3/files", query=dict(query)).json()
            for row in answers.mappings(found, "files"):
                yield _read_file(answers, row)
            if "nextPageToken" not in found:
                return
            query["pageToken"] = answers.text(found, "nextPageToken")
        raise UnexpectedResponse(SERVICE, "list_files", "too_many_pages", "the list does not end")

    def find_by_key(self, key: str) -> DriveFile | None:
        """The file that was made with this key, or None."""
        condition = f"appProperties has {{ key='{KEY}' and value='{quoted(key)}' }}"
        return next(self.list_files(where=condition), None)

    def create_folder(self, name: str, *, parent: str = "", key: str = "") -> DriveFile:
        """A new folder; Drive allows several of one name."""
        body = {**_about(name, parent, key), "mimeType": FOLDER}
        return self._file("create_folder", "POST", "/drive/v3/files", json=body, query={"fields": FIELDS})

    def copy_file(self, file_id: str, name: str, *, parent: str = "", key: str = "") -> DriveFile:
        """A copy of a template. Service accounts have no room of their own: copy into a folder of a shared drive."""
        body = _about(name, parent, key)
        return self._file("copy_file", "POST", f"{_path(file_id)}/copy", json=body, query={"fields": FIELDS})

    def export_pdf(self, file_id: str) -> bytes:
        """A Google document, sheet or presentation as PDF; Drive refuses more than 10 MB."""
        answer = self._run("export_pdf", "GET", f"{_path(file_id)}/export", query={"mimeType": "application/pdf"})
        if not answer.body.startswith(b"%PDF-") or b"%%EOF" not in answer.body[-1024:]:
            raise answer.surprise("the export is no whole PDF")
        return answer.body

    def upload_file(self, name: str, content: bytes, *, mime_type: str, parent: str = "", key: str = "") -> DriveFile:
        """A new file of at most 5 MB, in one request. Larger ones: `upload_large`."""
        if len(content) > SMALL:
            raise ValueError("more than 5 MB: use upload_large")
        boundary = "batuta-part-of-an-upload"
        while boundary.encode() in content:
            boundary += "-"
        head = f"--{boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n".encode()
        middle = f"\r\n--{boundary}\r\ncontent-type: {mime_type}\r\n\r\n".encode()
        body = b"".join(
            (head, orjson.dumps(_about(name, parent, key)), middle, content, f"\r\n--{boundary}--\r\n".encode())
        )
        return self._file(
            "upload_file",
            "POST",
            "/upload/drive/v3/files",
            query={"uploadType": "multipart", "fields": FIELDS},
            content=body,
            headers={"content-type": f"multipart/related; boundary={boundary}"},
        )

    def upload_large(
        self, name: str, content: bytes, *, mime_type: str, parent: str = "", key: str = "", part: int = PART
    ) -> DriveFile:
        """A new file of any size, in parts; a part whose answer was lost is gone on with where Drive says."""
        upload = self.start_upload(name, len(content), mime_type=mime_type, parent=parent, key=key)
        start = 0
        while True:
            found = self.send_part(upload, content, start, part)
            if isinstance(found, DriveFile):
                return found
            start = found

    def start_upload(self, name: str, size: int, *, mime_type: str, parent: str = "", key: str = "") -> Upload:
        """Begin a large upload. No file exists before its last part has come, so beginning twice does no harm."""
        answer = self._run(
            "start_upload",
            "POST",
            "/upload/drive/v3/files",
            query={"uploadType": "resumable", "fields": FIELDS},
            json=_about(name, parent, key),
            headers={"x-upload-content-type": mime_type, "x-upload-content-length": str(size)},
        )
        location = answer.headers.get("location", "")
        where = location.partition("/upload/drive/")[2]
        if not where:
            raise _answers("start_upload").missing("header location")
        # Only its path and query: a session never leads to another host.
        return Upload(f"/upload/drive/{where}", size)

    def send_part(self, upload: Upload, content: bytes, start: int, part: int = PART) -> DriveFile | int:
        """Send the bytes from `start` on; the file when that was all, else from where to go on."""
        tries: list[int] = []

        def attempt(seconds: float) -> DriveFile | int:
            first = start
            if tries:
                found = self._sent(upload, f"bytes */{upload.size}", b"", seconds)
                if isinstance(found, DriveFile):
                    return found
                first = found
            tries.append(first)
            piece = content[first : first + part]
            written = f"bytes {first}-{first + len(piece) - 1}/{upload.size}" if piece else f"bytes */{upload.size}"
            return self._sent(upload, written, piece, seconds)

        return self._calls.run("send_part", attempt)

    def list_permissions(self, file_id: str) -> list[Permission]:
        """Who may do what with a file; the first hundred."""
        query = {"fields": "permissions(id,role,emailAddress)", "pageSize": str(PAGE)}
        answers = _answers("list_permissions")
        found = self._run("list_permissions", "GET", f"{_path(file_id)}/permissions", query=query).json()
        return [
            Permission(answers.text(row, "id"), answers.text(row, "role"), str(row.get("emailAddress") or ""))
            for row in answers.mappings(found, "permissions")
        ]

    def share(self, file_id: str, email: str, *, role: str = "reader") -> Permission:
        """Let somebody in, without a message; the same permission again for the same address."""
        body = {"type": "user", "role": role, "emailAddress": email}
        query = {"sendNotificationEmail": "false", "fields": "id,role,emailAddress"}
        found = self._run("share", "POST", f"{_path(file_id)}/permissions", json=body, query=query).json()
        answers = _answers("share")
        return Permission(answers.text(found, "id"), answers.text(found, "role"), email)

    def watch(self, file_id: str, channel: str) -> WatchChannel:
        """Have changes of a file told to this connection's webhook, for a day at most. Raises `NotConfigured` without the channel token.

        The address names the file, because what Drive says of it stands in headers only.
        """
        address = f"{self._connection.webhook_url}?file={quote(file_id, safe='')}"
        token = self._connection.secret("channel_token")
        body = {"id": channel, "type": "web_hook", "address": address, "token": token}
        found = self._run("watch", "POST", f"{_path(file_id)}/watch", json=body).json()
        answers = _answers("watch")
        return WatchChannel(
            answers.text(found, "id"), answers.text(found, "resourceId"), answers.integer(found, "expiration")
        )

    def identity(self) -> str:
        """The address of the account, to share folders with."""
        found = self._run("health", "GET", "/drive/v3/about", query={"fields": "user"}).json()
        return _answers("health").text(found, "user", "emailAddress")

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _file(self, operation: str, method: str, path: str, **rest: Any) -> DriveFile:
        return _read_file(_answers(operation), self._run(operation, method, path, **rest).json())

    def _run(
        self, operation: str, method: str, path: str, *, query: Mapping[str, str] | None = None, **rest: Any
    ) -> HttpResponse:
        asked = {"supportsAllDrives": "true", **(query or {})}
        ask: Callable[[float], HttpResponse] = partial(self._ask, operation, method, path, query=asked, **rest)
        return self._calls.run(operation, ask)

    def _ask(
        self,
        operation: str,
        method: str,
        path: str,
        seconds: float,
        *,
        headers: Mapping[str, str] | None = None,
        **rest: Any,
    ) -> HttpResponse:
        token = self._access.token(operation, seconds)
        named = {**(headers or {}), "authorization": f"Bearer {token}"}
        answer = self._http.request(method, path, operation=operation, headers=named, seconds=seconds, **rest)
        if answer.status == 401:
            self._access.forget()
        if not answer.ok and answer.status != INCOMPLETE:
            raise _failure(answer)
        return answer

    def _sent(self, upload: Upload, written: str, piece: bytes, seconds: float) -> DriveFile | int:
        headers = {"content-range": written}
        answer = self._ask("send_part", "PUT", upload.path, seconds, headers=headers, content=piece)
        if answer.status != INCOMPLETE:
            return _read_file(_answers("send_part"), answer.json())
        received = _RECEIVED.fullmatch(answer.headers.get("range", ""))
        return int(received[1]) + 1 if received else 0


def quoted(text: str) -> str:
    """A text inside the quotes of Drive's query language."""
    return text.replace("\\", "\\\\").replace("'", "\\'")


def expired(channel: WatchChannel, now: datetime) -> bool:
    """Whether a channel has ended and must be made anew, under another id."""
    return now.timestamp() * 1000 >= channel.ends_at_ms


def _path(file_id: str) -> str:
    return f"/drive/v3/files/{quote(file_id, safe='')}"


def _about(name: str, parent: str, key: str) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name}
    if parent:
        found["parents"] = [parent]
    if key:
        found["appProperties"] = {KEY: key}
    return found


def _read_file(answers: Answers, row: object) -> DriveFile:
    found = answers.mapping(row)
    ours = found.get("appProperties")
    return DriveFile(
        id=answers.text(found, "id"),
        name=answers.text(found, "name"),
        mime_type=answers.text(found, "mimeType"),
        link=str(found.get("webViewLink") or ""),
        key=str(ours.get(KEY) or "") if isinstance(ours, dict) else "",
        md5=str(found.get("md5Checksum") or ""),
        size=answers.integer(found, "size") if "size" in found else 0,
    )


def _failure(answer: HttpResponse) -> IntegrationError:
    error = google_failure(
        SERVICE, answer.operation, answer.status, answer.json_object(), answer.retry_after(0.0) or None
    )
    if isinstance(error, UnexpectedResponse) and answer.status >= 500:
        return TemporaryFailure(SERVICE, answer.operation, error.code, error.text, accepted_possible=True)
    return error


def _answers(operation: str) -> Answers:
    return Answers(SERVICE, operation)


def build(connection: ConnectionFacts) -> GoogleDriveClient:
    """The client for one connection. Raises `NotConfigured`."""
    return GoogleDriveClient(connection)
