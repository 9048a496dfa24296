"""Notion, imitated: databases, pages, blocks, people, and signed webhooks. Mounted at `/notion`."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from integrations.notion.sandbox_contents import BOT, PEOPLE, TASKS, Contents, Invalid, Source, dashed, matches
from integrations.sandbox.imitation import Imitation, known_fields
from integrations.sandbox.routes import Routes
from integrations.sandbox.wire import BadBody, Request, Response, json_response
from integrations.sandbox.world import World

STATUS: Mapping[str, int] = {
    "invalid_json": 400,
    "missing_version": 400,
    "validation_error": 400,
    "unauthorized": 401,
    "restricted_resource": 403,
    "object_not_found": 404,
    "conflict_error": 409,
    "rate_limited": 429,
    "internal_server_error": 500,
    "service_unavailable": 503,
    "gateway_timeout": 504,
    "service_overload": 529,
}
VERSIONS = ("2025-09-03", "2026-03-11")
PAGE = 2  # rows a page at most, so that three of them need a second one; Notion too may give fewer than were asked for
MAX_PAGE = 100


@dataclass(slots=True)
class Workspace:
    """One workspace with its integration."""

    name: str = "sandbox"
    token: str = "ntn_sandbox"  # noqa: S105 -- guards nothing
    verification_token: str = "secret_sandbox"  # noqa: S105 -- guards nothing
    webhook_url: str = ""


class NotionSandbox(Imitation):
    """The service."""

    slug = "notion"
    title = "Notion"
    routes = Routes(
        ("GET", "/v1/users/me", "health"),
        ("GET", "/v1/users", "list_users"),
        ("POST", "/v1/databases", "create_database"),
        ("GET", "/v1/databases/{id}", "get_database"),
        ("GET", "/v1/data_sources/{id}", "get_data_source"),
        ("POST", "/v1/data_sources/{id}/query", "query"),
        ("POST", "/v1/pages", "create_page"),
        ("GET", "/v1/pages/{id}", "get_page"),
        ("PATCH", "/v1/pages/{id}", "update_page"),
        ("GET", "/v1/blocks/{id}/children", "list_blocks"),
        ("PATCH", "/v1/blocks/{id}/children", "append_blocks"),
        ("POST", "/v1/search", "search"),
    )
    sends_webhooks = True
    events = ("verification", "page.created", "page.properties_updated", "page.content_updated", "page.deleted")

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._workspaces: dict[str, Workspace] = {}
        self._contents = Contents()
        self._contents.fill()
        self.open_account({})

    def answer(self, operation: str, arguments: tuple[str, ...], request: Request) -> Response:
        """See Imitation."""
        workspace = next((each for each in self._workspaces.values() if each.token == request.bearer), None)
        if workspace is None:
            return self.refusal("unauthorized")
        if request.headers.get("notion-version") not in VERSIONS:
            return self.refusal("missing_version")
        try:
            given = request.json() if request.body else {}
            if not isinstance(given, dict):
                return self.refusal("validation_error")
            if request.method == "GET":
                given = dict(request.query)
            return self._answer(operation, arguments[0] if arguments else "", given, workspace, request)
        except BadBody:
            return self.refusal("invalid_json")
        except Invalid as invalid:
            return _error(STATUS[invalid.code], invalid.code, str(invalid))

    def _answer(
        self, operation: str, subject: str, given: dict[str, Any], workspace: Workspace, request: Request
    ) -> Response:
        contents = self._contents
        match operation:
            case "health":
                bot = {"owner": {"type": "workspace"}, "workspace_name": workspace.name}
                return json_response(200, {"object": "user", "id": BOT, "type": "bot", "name": "Batuta", "bot": bot})
            case "list_users":
                return _listed(
                    [*map(_person, PEOPLE), {"object": "user", "id": BOT, "type": "bot", "name": "Batuta"}], given
                )
            case "get_database":
                return json_response(200, _database(self._source_of(subject)))
            case "get_data_source":
                return json_response(200, _described(contents.source(subject)))
            case "query":
                return self._query(contents.source(subject), given)
            case "get_page":
                return json_response(200, contents.page(subject))
            case "list_blocks":
                if subject not in contents.blocks:
                    raise Invalid(f"Could not find block with ID: {subject}.", "object_not_found")
                return _listed(contents.blocks[subject], given)
            case "search":
                return self._search(given)
        return self._write(operation, subject, given, workspace, request)

    def _write(
        self, operation: str, subject: str, given: dict[str, Any], workspace: Workspace, request: Request
    ) -> Response:
        contents = self._contents
        reference = subject
        match operation:
            case "create_database":
                reference = str((given.get("parent") or {}).get("page_id"))
                if reference not in contents.blocks:
                    raise Invalid(f"Could not find page with ID: {reference}.", "object_not_found")
                made: dict[str, Any] = _database(self._new_source(given))
            case "create_page":
                reference = str((given.get("parent") or {}).get("data_source_id"))
                page = str(uuid.uuid4())
                made = contents.add_page(page, dashed(reference), given.get("properties") or {})
                try:
                    contents.add_blocks(page, given.get("children") or [])
                except Invalid:
                    del contents.pages[page]
                    raise
            case "update_page":
                made = contents.change_page(subject, given)
            case _:
                made = {
                    "object": "list",
                    "results": contents.add_blocks(subject, given.get("children")),
                    "has_more": False,
                    "next_cursor": None,
                }
        self.world.record_write(
            self,
            account=workspace.name,
            operation=operation,
            reference=reference,
            body=request.body,
            provider_id=str(made.get("id", "")),
        )
        return json_response(200, made)

    def _new_source(self, given: Mapping[str, Any]) -> Source:
        columns: dict[str, tuple[str, list[str]]] = {}
        for name, described in ((given.get("initial_data_source") or {}).get("properties") or {}).items():
            [(kind, content)] = described.items()
            columns[name] = kind, [each["name"] for each in content.get("options", [])]
        title = "".join(piece["text"]["content"] for piece in given.get("title") or [])
        return self._contents.add_source(str(uuid.uuid4()), str(uuid.uuid4()), title, columns)

    def _source_of(self, database: str) -> Source:
        found = next((each for each in self._contents.sources.values() if each.database == dashed(database)), None)
        if found is None:
            raise Invalid(f"Could not find database with ID: {database}.", "object_not_found")
        return found

    def _query(self, source: Source, given: Mapping[str, Any]) -> Response:
        rows = [row for row in self._contents.pages.values() if row["parent"]["data_source_id"] == source.id]
        rows = [row for row in rows if row["in_trash"] is bool(given.get("in_trash"))]
        if wanted := given.get("filter"):
            rows = [row for row in rows if matches(row, wanted)]
        return _listed(rows, given)

    def _search(self, given: Mapping[str, Any]) -> Response:
        kind = (given.get("filter") or {}).get("value")
        if kind not in (None, "page", "data_source"):
            raise Invalid('body.filter.value should be "page" or "data_source".')
        words = str(given.get("query", "")).lower()
        hits = [row for row in self._contents.pages.values() if words in _title(row).lower()]
        described = [_described(each) for each in self._contents.sources.values() if words in each.title.lower()]
        return _listed([row for row in [*hits, *described] if kind in (None, row["object"])], given)

    def unknown_route(self, request: Request) -> Response:
        """See Imitation."""
        return _error(400, "invalid_request_url", "Invalid request URL.")

    def rate_limited(self, retry_after: float) -> Response:
        """See Imitation."""
        headers = (("retry-after", str(max(1, round(retry_after)))),)
        return _error(429, "rate_limited", "You have been rate limited.", headers)

    def broken(self) -> Response:
        """See Imitation."""
        return self.refusal("internal_server_error")

    def refusal(self, code: str) -> Response:
        """See Imitation."""
        return _error(STATUS[code], code, f"imitated: {code}")

    def codes(self) -> Collection[str]:
        """See Imitation."""
        return STATUS

    def expired_token(self, operation: str) -> Response | None:
        """See Imitation."""
        return _error(401, "unauthorized", "API token is invalid.")

    def missing_scope(self, operation: str) -> Response | None:
        """See Imitation."""
        return _error(403, "restricted_resource", "Insufficient permissions for this endpoint.")

    def open_account(self, given: dict[str, Any]) -> dict[str, Any]:
        """See Imitation."""
        workspace = Workspace(**known_fields(Workspace, given))
        self._workspaces[workspace.name] = workspace
        return asdict(workspace)

    def accounts(self) -> list[dict[str, Any]]:
        """See Imitation."""
        return [asdict(workspace) for workspace in self._workspaces.values()]

    def clear(self) -> None:
        """See Imitation."""
        self._contents = Contents()
        self._contents.fill()

    def happen(self, event: str, facts: dict[str, Any]) -> dict[str, Any]:
        """A page changes (`page`, `source`), or the webhook is made anew and its token told, unsigned (`verification`)."""
        workspace = self._workspaces[str(facts.get("workspace", "sandbox"))]
        token = workspace.verification_token
        if event == "verification":
            body = orjson.dumps({"verification_token": token})
            return {"sent": self.send_webhook(workspace.webhook_url, body, lambda content: {}), "token": token}
        source = str(facts.get("source", TASKS))
        content = {
            "id": str(uuid.uuid4()),
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "workspace_id": "f0000000-0000-4000-8000-000000000001",
            "subscription_id": "f0000000-0000-4000-8000-000000000002",
            "integration_id": "f0000000-0000-4000-8000-000000000003",
            "type": event,
            "authors": [{"id": str(facts.get("author", next(iter(PEOPLE)))), "type": "person"}],
            "attempt_number": 1,
            "entity": {"id": str(facts.get("page", "")), "type": "page"},
            "data": {"parent": {"id": source, "type": "data_source", "data_source_id": source}},
        }

        def sign(body: bytes) -> Mapping[str, str]:
            signed = hmac.new(token.encode(), body, hashlib.sha256).hexdigest()
            return {"x-notion-signature": f"sha256={signed}"}

        return {"sent": self.send_webhook(workspace.webhook_url, orjson.dumps(content), sign), "id": content["id"]}


def _error(status: int, code: str, text: str, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    content = {"object": "error", "status": status, "code": code, "message": text, "request_id": str(uuid.uuid4())}
    return json_response(status, content, headers)


def _listed(rows: list[dict[str, Any]], given: Mapping[str, Any]) -> Response:
    size, cursor = int(given.get("page_size", MAX_PAGE)), str(given.get("start_cursor", ""))
    if not 1 <= size <= MAX_PAGE:
        raise Invalid(f"page_size should be ≤ `{MAX_PAGE}`.")
    start = 0
    if cursor:
        places = [place for place, row in enumerate(rows) if row["id"] == cursor]
        if not places:
            raise Invalid("The start_cursor provided is invalid.")
        start = places[0]
    end = start + min(size, PAGE)
    following = rows[end]["id"] if end < len(rows) else None
    content = {"results": rows[start:end], "has_more": following is not None, "next_cursor": following}
    return json_response(200, {"object": "list", **content})


def _person(person: str) -> dict[str, Any]:
    name, email = PEOPLE[person]
    return {"object": "user", "id": person, "type": "person", "name": name, "person": {"email": email}}


def _title(row: Mapping[str, Any]) -> str:
    pieces = next(each["title"] for each in row["properties"].values() if each["type"] == "title")
    return "".join(piece["plain_text"] for piece in pieces)


def _words(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": {"content": text, "link": None}, "plain_text": text, "href": None}]


def _database(source: Source) -> dict[str, Any]:
    return {
        "object": "database",
        "id": source.database,
        "title": _words(source.title),
        "in_trash": False,
        "url": f"https://www.notion.so/{source.database.replace('-', '')}",
        "data_sources": [{"id": source.id, "name": source.title}],
    }


def _described(source: Source) -> dict[str, Any]:
    properties = {}
    for name, (kind, options) in source.columns.items():
        content = {"options": [{"name": each, "color": "default"} for each in options]} if options else {}
        properties[name] = {"id": name[:4], "name": name, "type": kind, kind: content}
    return {
        "object": "data_source",
        "id": source.id,
        "title": _words(source.title),
        "parent": {"type": "database_id", "database_id": source.database},
        "in_trash": False,
        "properties": properties,
        "url": f"https://www.notion.so/{source.id.replace('-', '')}",
    }


IMITATIONS = (NotionSandbox,)
