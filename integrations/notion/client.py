"""Notion through its SDK (notion-client), whose retries are off: they sleep in the worker and leave out 409, 504 and 529.

Notion drops no repetition. Who creates pages gives them a key of our own in a property, and looks for it (`text_is`) when an answer was lost.
"""

import json
import logging
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any

import httpx
from notion_client import Client
from notion_client.client import ClientOptions
from notion_client.errors import HTTPResponseError, InvalidPathParameterError

from integrations.answers import Answers
from integrations.calling.calls import Calls
from integrations.errors import (
    AuthenticationFailed,
    IntegrationError,
    RateLimited,
    Refused,
    TemporaryFailure,
    UnexpectedResponse,
)
from integrations.facts import ConnectionFacts
from integrations.notion.contents import (
    Block,
    Column,
    Database,
    DataSource,
    Found,
    Page,
    Person,
    StoredBlock,
    block_to_wire,
    column_to_wire,
    read_block,
    read_data_source,
    read_database,
    read_found,
    read_page,
    read_person,
)
from integrations.notion.properties import PropertyValue, rich_text, to_wire

SERVICE = "notion"
BASE_URL = "https://api.notion.com"
VERSION = "2026-03-11"
DEFAULT_WAIT = 30.0  # seconds, when a 429 or a 529 names none
PAGE = 100
MOST_PAGES = 1_000
BLOCKS_A_CALL = 100
OVERLOADED = 529

logger = logging.getLogger(__name__)


class NotionClient:
    """One workspace, as an internal integration or by OAuth. Safe to share between threads."""

    def __init__(self, connection: ConnectionFacts) -> None:
        self._token = connection.secret("token")
        self._base_url = connection.setting("base_url", BASE_URL).rstrip("/")
        self._version = connection.setting("notion_version", VERSION)
        self._calls = Calls(connection, _translated)
        self._transport = httpx.HTTPTransport(verify=_certificates())

    def get_database(self, database_id: str) -> Database:
        """A database with the names of its data sources."""
        answer = self._run("get_database", lambda sdk: sdk.databases.retrieve(database_id))
        return read_database(_answers("get_database"), answer)

    def create_database(self, parent_page: str, title: str, columns: Mapping[str, Column]) -> Database:
        """A new database below a page. One of the columns is of kind "title"."""
        answer = self._run(
            "create_database",
            lambda sdk: sdk.databases.create(
                parent={"type": "page_id", "page_id": parent_page},
                title=rich_text(title),
                initial_data_source={"properties": {name: column_to_wire(column) for name, column in columns.items()}},
            ),
        )
        return read_database(_answers("create_database"), answer)

    def get_data_source(self, source_id: str) -> DataSource:
        """The columns of a data source."""
        answer = self._run("get_data_source", lambda sdk: sdk.data_sources.retrieve(source_id))
        return read_data_source(_answers("get_data_source"), answer)

    def query(
        self,
        source_id: str,
        *,
        where: Mapping[str, Any] | None = None,
        sorts: Sequence[Mapping[str, str]] = (),
    ) -> Iterator[Page]:
        """The pages of a data source, asked for a hundred at a time while they are taken. `where` is a filter (`text_is`, `edited_since`, `all_of`)."""
        rest: dict[str, Any] = {"filter": dict(where)} if where else {}
        if sorts:
            rest["sorts"] = [dict(each) for each in sorts]
        for row in self._rows("query", lambda sdk, page: sdk.data_sources.query(source_id, **page, **rest)):
            yield read_page(_answers("query"), row)

    def get_page(self, page_id: str) -> Page:
        """A page with its properties; its contents are its blocks."""
        return read_page(_answers("get_page"), self._run("get_page", lambda sdk: sdk.pages.retrieve(page_id)))

    def create_page(
        self, source_id: str, properties: Mapping[str, PropertyValue], *, blocks: Sequence[Block] = ()
    ) -> Page:
        """A new page in a data source, with at most a hundred blocks. Never repeated blindly."""
        children = [block_to_wire(block) for block in blocks]
        answer = self._run(
            "create_page",
            lambda sdk: sdk.pages.create(
                parent={"type": "data_source_id", "data_source_id": source_id},
                properties=_written(properties),
                children=children,
            ),
        )
        return read_page(_answers("create_page"), answer)

    def update_page(self, page_id: str, properties: Mapping[str, PropertyValue]) -> Page:
        """Set these properties and leave the others."""
        answer = self._run("update_page", lambda sdk: sdk.pages.update(page_id, properties=_written(properties)))
        return read_page(_answers("update_page"), answer)

    def archive_page(self, page_id: str, *, restore: bool = False) -> Page:
        """Put a page into the trash, or take it out again."""
        answer = self._run("archive_page", lambda sdk: sdk.pages.update(page_id, in_trash=not restore))
        return read_page(_answers("archive_page"), answer)

    def append_blocks(self, parent_id: str, blocks: Sequence[Block]) -> list[str]:
        """Add blocks at the end of a page or block; their ids. A hundred a call: when a later call fails, the earlier ones stand."""
        found: list[str] = []
        answers = _answers("append_blocks")
        for start in range(0, len(blocks), BLOCKS_A_CALL):
            children = [block_to_wire(block) for block in blocks[start : start + BLOCKS_A_CALL]]
            answer = self._run("append_blocks", partial(_append, parent_id, children))
            found += [answers.text(row, "id") for row in answers.mappings(answer, "results")]
        return found

    def list_blocks(self, parent_id: str) -> Iterator[StoredBlock]:
        """The blocks directly below a page or block, in order; those with children are asked for in turn."""
        for row in self._rows("list_blocks", lambda sdk, page: sdk.blocks.children.list(parent_id, **page)):
            yield read_block(_answers("list_blocks"), row)

    def list_users(self) -> list[Person]:
        """Everybody in the workspace, bots included, guests not."""
        rows = self._rows("list_users", lambda sdk, page: sdk.users.list(**page))
        return [read_person(_answers("list_users"), row) for row in rows]

    def search(self, text: str = "", *, kind: str = "") -> Iterator[Found]:
        """What was shared with the integration and has these words in its title; `kind` is "page" or "data_source"."""
        rest: dict[str, Any] = {"query": text} if text else {}
        if kind:
            rest["filter"] = {"property": "object", "value": kind}
        for row in self._rows("search", lambda sdk, page: sdk.search(**page, **rest)):
            yield read_found(_answers("search"), row)

    def identity(self) -> str:
        """The workspace and integration that the token belongs to, as "workspace / name"."""
        answers = _answers("health")
        answer = self._run("health", lambda sdk: sdk.users.me())
        workspace = answers.text(answer, "bot", "workspace_name")
        return f"{workspace} / {answers.text(answer, 'name')}"

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def _run(self, operation: str, call: Callable[[Client], Any]) -> Any:
        return self._calls.run(operation, lambda seconds: call(self._sdk(seconds)))

    def _rows(self, operation: str, call: Callable[[Client, Mapping[str, Any]], Any]) -> Iterator[Mapping[str, Any]]:
        answers = _answers(operation)
        page: dict[str, Any] = {"page_size": PAGE}
        for _page in range(MOST_PAGES):
            asked = dict(page)
            answer = self._run(operation, partial(_page_of, call, asked))
            yield from answers.mappings(answer, "results")
            if not answers.flag(answer, "has_more"):
                return
            page["start_cursor"] = answers.text(answer, "next_cursor")
        raise UnexpectedResponse(SERVICE, operation, "too_many_pages", "the list does not end")

    def _sdk(self, seconds: float) -> Client:
        """The SDK keeps one timeout for its life, so each attempt has its own; connections are kept by the transport."""
        options = ClientOptions(
            auth=self._token,
            timeout_ms=max(1, int(seconds * 1000)),
            base_url=self._base_url,
            notion_version=self._version,
            retry=False,
            logger=logger,
            log_level=logging.CRITICAL,  # it would write what Notion says of our contents
        )
        return Client(options, client=httpx.Client(transport=self._transport, trust_env=False))


@cache
def _certificates() -> ssl.SSLContext:
    """The authorities trusted, read once: it costs 20 ms."""
    return httpx.create_ssl_context()


def _page_of(call: Callable[[Client, Mapping[str, Any]], Any], page: Mapping[str, Any], sdk: Client) -> Any:
    return call(sdk, page)


def _append(parent_id: str, children: list[dict[str, Any]], sdk: Client) -> Any:
    return sdk.blocks.children.append(parent_id, children=children)


def _written(properties: Mapping[str, PropertyValue]) -> dict[str, Any]:
    return {name: to_wire(value) for name, value in properties.items()}


def _answers(operation: str) -> Answers:
    return Answers(SERVICE, operation)


def _translated(operation: str, error: Exception) -> IntegrationError | None:
    """Our error for the SDK's; None for what is no failure of Notion, timeouts and broken connections among it."""
    if isinstance(error, HTTPResponseError):
        return _refusal(operation, error)
    if isinstance(error, InvalidPathParameterError):
        return Refused(SERVICE, operation, "id_invalid", "the id could be no id of Notion")
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return UnexpectedResponse(SERVICE, operation, "not_json", "the answer is not Notion's", accepted_possible=True)
    return None


def _refusal(operation: str, error: HTTPResponseError) -> IntegrationError:
    status = error.status
    told = _envelope(error.body)
    code, text = str(told.get("code") or f"http_{status}"), str(told.get("message") or "")
    if status in (429, OVERLOADED) or code == "rate_limited":
        wait = _seconds(error.headers.get("retry-after"))
        return RateLimited(SERVICE, operation, code, text, retry_after=wait)
    if status == 409:  # two changes met, and ours was the one not made
        return TemporaryFailure(SERVICE, operation, code, text, accepted_possible=False)
    if status >= 500:
        return TemporaryFailure(SERVICE, operation, code, text, accepted_possible=True)
    if status in (401, 403):
        return AuthenticationFailed(SERVICE, operation, code, text)
    if not told:
        return UnexpectedResponse(SERVICE, operation, code, "the answer is not Notion's")
    return Refused(SERVICE, operation, code, text)


def _envelope(body: str) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and found.get("object") == "error" else {}


def _seconds(written: str | None) -> float:
    try:
        return max(0.0, float(written or DEFAULT_WAIT))
    except ValueError:
        return DEFAULT_WAIT


def build(connection: ConnectionFacts) -> NotionClient:
    """The client for one connection. Raises `NotConfigured`."""
    return NotionClient(connection)
