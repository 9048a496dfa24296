"""Google Drive, imitated: files, copies, exports, both kinds of upload, permissions, channels. Mounted at `/google_drive`."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from integrations.google.sandbox_tokens import ACCESS_TOKEN, EMAIL, KEY_FILE, GoogleTokens, google_error
from integrations.sandbox.imitation import Imitation, known_fields
from integrations.sandbox.routes import Routes
from integrations.sandbox.wire import BadBody, Request, Response, json_response
from integrations.sandbox.world import World

TEMPLATE = "1sandboxTemplate"
ROOT = "0sandboxFolder"
DOCUMENT = "application/vnd.google-apps.document"
PDF = b"%PDF-1.4\n% imitated\n%%EOF\n"
PAGE = 2  # files a page, so that three of them need a second one
STATUS: Mapping[str, int] = {
    "invalid": 400,
    "authError": 401,
    "insufficientPermissions": 403,
    "insufficientFilePermissions": 403,
    "userRateLimitExceeded": 403,
    "rateLimitExceeded": 403,
    "dailyLimitExceeded": 403,
    "storageQuotaExceeded": 403,
    "exportSizeLimitExceeded": 403,
    "notFound": 404,
    "channelIdNotUnique": 400,
    "backendError": 500,
}
SCOPES = frozenset({"https://www.googleapis.com/auth/drive"})
_KEYED = re.compile(r"appProperties has \{ key='(\w+)' and value='((?:[^'\\]|\\.)*)' \}")
_INSIDE = re.compile(r"'((?:[^'\\]|\\.)*)' in parents")
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)")


class Invalid(Exception):
    """Google's error: a reason and a sentence."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(slots=True)
class Account:
    """Who calls, how he proves it, and where his channels go if they name no host of their own."""

    name: str = "sandbox"
    email: str = EMAIL
    access_token: str = ACCESS_TOKEN
    service_account: str = KEY_FILE


@dataclass(slots=True)
class Session:
    """A resumable upload."""

    about: dict[str, Any]
    size: int
    content: bytearray = field(default_factory=bytearray)
    made: dict[str, Any] | None = None


class GoogleDriveSandbox(Imitation):
    """The service."""

    slug = "google_drive"
    title = "Google Drive"
    routes = Routes(
        ("POST", "/token", "token"),
        ("GET", "/drive/v3/about", "health"),
        ("GET", "/drive/v3/files", "list_files"),
        ("POST", "/drive/v3/files", "create_folder"),
        ("GET", "/drive/v3/files/{id}", "get_file"),
        ("POST", "/drive/v3/files/{id}/copy", "copy_file"),
        ("GET", "/drive/v3/files/{id}/export", "export_pdf"),
        ("GET", "/drive/v3/files/{id}/permissions", "list_permissions"),
        ("POST", "/drive/v3/files/{id}/permissions", "share"),
        ("POST", "/drive/v3/files/{id}/watch", "watch"),
        ("POST", "/upload/drive/v3/files", "upload_file"),
        ("PUT", "/upload/drive/v3/files", "send_part"),
    )
    sends_webhooks = True
    events = ("changed",)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._accounts: dict[str, Account] = {}
        self._tokens = GoogleTokens(SCOPES)
        self._files: dict[str, dict[str, Any]] = {}
        self._people: dict[str, dict[str, dict[str, Any]]] = {}
        self._sessions: dict[str, Session] = {}
        self._channels: dict[str, dict[str, Any]] = {}
        self.clear()
        self.open_account({})

    @property
    def operations(self) -> tuple[str, ...]:
        """See Imitation."""
        return (*self.routes.operations, "start_upload")

    def match(self, request: Request, path: str) -> tuple[str, tuple[str, ...]] | None:
        """See Imitation."""
        found = self.routes.match(request.method, path)
        if found == ("upload_file", ()) and request.query.get("uploadType") == "resumable":
            return "start_upload", ()
        return found

    def answer(self, operation: str, arguments: tuple[str, ...], request: Request) -> Response:
        """See Imitation."""
        if operation == "token":
            return self._tokens.answer(request, f"ya29.{self.world.new_id(8).hex()}")
        if not self._tokens.allows(request.bearer):
            return self.refusal("authError")
        try:
            return self._done(operation, arguments[0] if arguments else "", request)
        except (BadBody, KeyError, TypeError, AttributeError, ValueError) as error:
            return google_error(400, f"Invalid value: {type(error).__name__}", reason="invalid")
        except Invalid as invalid:
            return google_error(STATUS[invalid.reason], str(invalid), reason=invalid.reason)

    def _done(self, operation: str, file_id: str, request: Request) -> Response:
        if file_id and file_id not in self._files:
            raise Invalid("notFound", f"File not found: {file_id}.")
        match operation:
            case "health":
                return json_response(200, {"user": {"kind": "drive#user", "emailAddress": EMAIL, "me": True}})
            case "get_file":
                return json_response(200, self._files[file_id])
            case "list_files":
                return self._list(request.query)
            case "export_pdf":
                if not self._files[file_id]["mimeType"].startswith("application/vnd.google-apps."):
                    raise Invalid("insufficientFilePermissions", "Export only supports Docs Editors files.")
                return Response(200, PDF, request.query["mimeType"])
            case "list_permissions":
                owner = {"id": "0", "role": "owner", "type": "user", "emailAddress": EMAIL}
                return json_response(200, {"permissions": [owner, *self._people.get(file_id, {}).values()]})
            case "start_upload":
                about = self._about(request.json(), request.headers["x-upload-content-type"])
                name = self.world.new_id(8).hex()
                self._sessions[name] = Session(about, int(request.headers["x-upload-content-length"]))
                where = f"http://{request.headers['host']}/google_drive/upload/drive/v3/files"
                return Response(
                    200, headers=(("location", f"{where}?uploadType=resumable&upload_id={name}"),), content_type=""
                )
            case "send_part":
                return self._receive(request)
            case "upload_file":
                described, content = request.parts()
                about = self._about(_object(described.body), content.content_type)
                return self._make(operation, about, request, content.body)
            case "copy_file":
                about = self._about(request.json(), self._files[file_id]["mimeType"])
                return self._make(operation, about, request)
            case "create_folder":
                given = request.json()
                return self._make(operation, self._about(given, str(given["mimeType"])), request)
            case "watch":
                return self._watch(file_id, request)
        return self._share(file_id, request)

    def _about(self, given: Mapping[str, Any], mime_type: str) -> dict[str, Any]:
        """A file as it is asked for. Raises Invalid."""
        parents = [str(each) for each in given.get("parents", [ROOT])]
        if len(parents) != 1 or parents[0] not in self._files:
            raise Invalid("notFound", f"File not found: {parents}.")
        ours = {str(name): str(value) for name, value in given.get("appProperties", {}).items()}
        return {"name": str(given["name"]), "mimeType": mime_type, "parents": parents, "appProperties": ours}

    def _make(self, operation: str, about: dict[str, Any], request: Request, content: bytes | None = None) -> Response:
        file_id = self.world.new_id(12).hex()
        made = self._keep(file_id, about, content)
        self.world.record_write(
            self,
            account="sandbox",
            operation=operation,
            reference=about["name"],
            body=request.body[:2000],
            provider_id=file_id,
        )
        return json_response(200, made)

    def _keep(self, file_id: str, about: Mapping[str, Any], content: bytes | None = None) -> dict[str, Any]:
        made = {"kind": "drive#file", "id": file_id, "trashed": False, **about}
        made["webViewLink"] = f"https://drive.google.com/file/d/{file_id}/view"
        if content is not None:
            made |= {"size": str(len(content)), "md5Checksum": hashlib.md5(content, usedforsecurity=False).hexdigest()}
        self._files[file_id] = made
        return made

    def _list(self, query: Mapping[str, str]) -> Response:
        wanted = query.get("q", "")
        rows = list(self._files.values())
        if found := _INSIDE.search(wanted):
            rows = [row for row in rows if _unquoted(found[1]) in row["parents"]]
        if found := _KEYED.search(wanted):
            rows = [row for row in rows if row["appProperties"].get(found[1]) == _unquoted(found[2])]
        start = int(query.get("pageToken") or 0)
        content: dict[str, Any] = {"files": rows[start : start + PAGE]}
        if start + PAGE < len(rows):
            content["nextPageToken"] = str(start + PAGE)
        return json_response(200, content)

    def _receive(self, request: Request) -> Response:
        session = self._sessions.get(request.query.get("upload_id", ""))
        said = _RANGE.fullmatch(request.headers.get("content-range", ""))
        if session is None or said is None or int(said[3]) != session.size:
            raise Invalid("notFound" if session is None else "invalid", "Failed to parse Content-Range header.")
        if said[1] is not None and session.made is None:
            if int(said[1]) != len(session.content) or int(said[2]) - int(said[1]) + 1 != len(request.body):
                raise Invalid("invalid", "Failed to parse Content-Range header.")
            session.content += request.body
        if session.made is None and len(session.content) == session.size:
            session.made = self._keep(self.world.new_id(12).hex(), session.about, bytes(session.content))
            self.world.record_write(
                self, account="sandbox", operation="send_part", reference=session.about["name"], body=b""
            )
        if session.made is not None:
            return json_response(200, session.made)
        received = (("range", f"bytes=0-{len(session.content) - 1}"),) if session.content else ()
        return Response(308, headers=received, content_type="")

    def _share(self, file_id: str, request: Request) -> Response:
        given = request.json()
        email, role = str(given["emailAddress"]), str(given["role"])
        if "@" not in email or role not in ("reader", "commenter", "writer", "organizer"):
            raise Invalid("invalid", "The permission is not valid.")
        people = self._people.setdefault(file_id, {})
        key = people.get(email, {}).get("id") or str(1000 + len(people))
        people[email] = {"id": key, "type": "user", "role": role, "emailAddress": email}
        self.world.record_write(self, account="sandbox", operation="share", reference=file_id, body=request.body)
        return json_response(200, people[email])

    def _watch(self, file_id: str, request: Request) -> Response:
        given = request.json()
        channel = {"id": str(given["id"]), "address": str(given["address"]), "token": str(given.get("token", ""))}
        if channel["id"] in self._channels:
            raise Invalid("channelIdNotUnique", f"Channel id {channel['id']} not unique")
        self._channels[channel["id"]] = {**channel, "resource": f"resource-{file_id}", "number": 0, "file": file_id}
        self.world.record_write(self, account="sandbox", operation="watch", reference=file_id, body=request.body)
        self._tell(self._channels[channel["id"]], "sync")
        expiration = str(int((time.time() + 86_400) * 1000))
        content = {"id": channel["id"], "resourceId": f"resource-{file_id}", "expiration": expiration}
        return json_response(200, {"kind": "api#channel", **content})

    def _tell(self, channel: dict[str, Any], state: str) -> bool:
        channel["number"] += 1
        headers = {
            "x-goog-channel-id": channel["id"],
            "x-goog-channel-token": channel["token"],
            "x-goog-message-number": str(channel["number"]),
            "x-goog-resource-id": channel["resource"],
            "x-goog-resource-state": state,
        }
        return self.send_webhook(channel["address"], b"", lambda body: headers)

    def unknown_route(self, request: Request) -> Response:
        """See Imitation."""
        return Response(404, b"<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>", "text/html; charset=UTF-8")

    def rate_limited(self, retry_after: float) -> Response:
        """See Imitation. Drive says it with a 403."""
        answer = self.refusal("userRateLimitExceeded")
        return Response(answer.status, answer.body, headers=(("retry-after", str(max(1, round(retry_after)))),))

    def broken(self) -> Response:
        """See Imitation."""
        return self.refusal("backendError")

    def refusal(self, code: str) -> Response:
        """See Imitation."""
        return google_error(STATUS[code], f"imitated: {code}", reason=code)

    def codes(self) -> Collection[str]:
        """See Imitation."""
        return STATUS

    def expired_token(self, operation: str) -> Response | None:
        """See Imitation."""
        return self.refusal("authError")

    def missing_scope(self, operation: str) -> Response | None:
        """See Imitation."""
        return self.refusal("insufficientPermissions")

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
        self._files.clear()
        self._people.clear()
        self._sessions.clear()
        self._channels.clear()
        empty: dict[str, Any] = {"parents": [], "appProperties": {}}
        self._keep(ROOT, {"name": "Clientes", "mimeType": "application/vnd.google-apps.folder", **empty})
        self._keep(TEMPLATE, {"name": "Contrato", "mimeType": DOCUMENT, **empty, "parents": [ROOT]})
        self._keep("1sandboxNotes", {"name": "Notas", "mimeType": DOCUMENT, **empty, "parents": [ROOT]})
        self._keep("1sandboxLogo", {"name": "logo.png", "mimeType": "image/png", **empty, "parents": [ROOT]}, b"png")

    def happen(self, event: str, facts: dict[str, Any]) -> dict[str, Any]:
        """A watched file changes: `file`."""
        told = [each for each in self._channels.values() if each["file"] == facts.get("file", TEMPLATE)]
        return {"sent": sum(self._tell(channel, "update") for channel in told)}


def _object(body: bytes) -> dict[str, Any]:
    """The JSON object of a part. Raises BadBody."""
    found = Request("", "", "", "", {}, body).json()
    if not isinstance(found, dict):
        raise BadBody("not an object")
    return found


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


IMITATIONS = (GoogleDriveSandbox,)
