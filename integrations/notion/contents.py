"""What Notion holds, as our code sees it: databases, data sources, pages, blocks, people. Pure: read from JSON, written as JSON."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from integrations.answers import Answers
from integrations.notion.properties import Malformed, PropertyValue, from_wire, plain_text, rich_text


@dataclass(frozen=True, slots=True)
class SourceName:
    """One data source of a database: where its rows and columns are, since version 2025-09-03."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Database:
    """A database; nearly all have one data source."""

    id: str
    title: str
    sources: tuple[SourceName, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A property that every page of a data source has. `options` are names, for the kinds that have some."""

    kind: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DataSource:
    """The columns of a database, by name."""

    id: str
    title: str
    columns: Mapping[str, Column]


@dataclass(frozen=True, slots=True)
class Page:
    """A page with its properties, by name. `source` is the data source it is a row of; empty for a page below a page."""

    id: str
    url: str
    created_at: datetime
    edited_at: datetime
    is_in_trash: bool
    source: str = ""
    properties: Mapping[str, PropertyValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """A hit of a search: `kind` is "page" or "data_source"."""

    id: str
    kind: str
    url: str


@dataclass(frozen=True, slots=True)
class Person:
    """A member of the workspace, or a bot; bots have no address."""

    id: str
    name: str
    email: str = ""
    is_bot: bool = False


class BlockKind(enum.StrEnum):
    """The kinds of blocks that are written."""

    PARAGRAPH = "paragraph"
    HEADING_1 = "heading_1"
    HEADING_2 = "heading_2"
    HEADING_3 = "heading_3"
    BULLET = "bulleted_list_item"
    NUMBERED = "numbered_list_item"
    TO_DO = "to_do"
    QUOTE = "quote"
    DIVIDER = "divider"


@dataclass(frozen=True, slots=True)
class Block:
    """A block to write. `is_checked` is for TO_DO."""

    kind: BlockKind
    text: str = ""
    is_checked: bool = False


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """A block as Notion keeps it, of whatever kind. `source` is its JSON, for exports; `text` its words, where it has any."""

    id: str
    kind: str
    text: str
    has_children: bool
    source: str


def block_to_wire(block: Block) -> dict[str, Any]:
    """The block as the API takes it. Raises ValueError for a text that is too long."""
    content: dict[str, Any] = {} if block.kind is BlockKind.DIVIDER else {"rich_text": rich_text(block.text)}
    if block.kind is BlockKind.TO_DO:
        content["checked"] = block.is_checked
    return {"object": "block", "type": block.kind.value, block.kind.value: content}


def column_to_wire(column: Column) -> dict[str, Any]:
    """A column as the API takes it when a database is made."""
    options = {"options": [{"name": name} for name in column.options]} if column.options else {}
    return {column.kind: options}


def read_database(answers: Answers, source: object) -> Database:
    """Raises `UnexpectedResponse`."""
    names = [
        SourceName(answers.text(row, "id"), _optional(row, "name")) for row in answers.mappings(source, "data_sources")
    ]
    return Database(answers.text(source, "id"), _words(answers, source, "title"), tuple(names))


def read_data_source(answers: Answers, source: object) -> DataSource:
    """Raises `UnexpectedResponse`."""
    columns = {
        name: Column(answers.text(column, "type"), _options(column))
        for name, column in answers.mapping(source, "properties").items()
    }
    return DataSource(answers.text(source, "id"), _words(answers, source, "title"), columns)


def read_page(answers: Answers, source: object) -> Page:
    """Raises `UnexpectedResponse`."""
    try:
        properties = {name: from_wire(each) for name, each in answers.mapping(source, "properties").items()}
    except (Malformed, AttributeError) as error:
        raise answers.missing(f"properties: {error}") from None
    return Page(
        id=answers.text(source, "id"),
        url=answers.text(source, "url"),
        created_at=answers.moment(source, "created_time"),
        edited_at=answers.moment(source, "last_edited_time"),
        is_in_trash=answers.flag(source, "in_trash"),
        source=_optional(answers.mapping(source, "parent"), "data_source_id"),
        properties=properties,
    )


def read_found(answers: Answers, source: object) -> Found:
    """Raises `UnexpectedResponse`."""
    return Found(answers.text(source, "id"), answers.text(source, "object"), answers.text(source, "url"))


def read_person(answers: Answers, source: object) -> Person:
    """Raises `UnexpectedResponse`."""
    row = answers.mapping(source)
    person = row.get("person")
    email = _optional(person, "email") if isinstance(person, dict) else ""
    return Person(answers.text(row, "id"), _optional(row, "name"), email, answers.text(row, "type") == "bot")


def read_block(answers: Answers, source: object) -> StoredBlock:
    """Raises `UnexpectedResponse`."""
    kind = answers.text(source, "type")
    content = answers.mapping(source, kind)
    try:
        text = plain_text(content.get("rich_text") or [])
    except (KeyError, TypeError):
        raise answers.missing(f"{kind}.rich_text") from None
    return StoredBlock(
        answers.text(source, "id"), kind, text, answers.flag(source, "has_children"), orjson.dumps(source).decode()
    )


def text_is(name: str, value: str, *, kind: str = "rich_text") -> dict[str, Any]:
    """A filter: the text property `name` is exactly `value`. Finds a page by our own key after an answer was lost."""
    return {"property": name, kind: {"equals": value}}


def edited_since(moment: datetime) -> dict[str, Any]:
    """A filter: pages edited at or after a moment. Notion keeps minutes only: look back a minute more than you think."""
    return {"timestamp": "last_edited_time", "last_edited_time": {"on_or_after": moment.isoformat()}}


def all_of(filters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A filter: all of these hold."""
    return {"and": [dict(each) for each in filters]}


def _words(answers: Answers, source: object, name: str) -> str:
    try:
        return plain_text(answers.items(source, name))
    except (KeyError, TypeError):
        raise answers.missing(name) from None


def _options(column: Mapping[str, Any]) -> tuple[str, ...]:
    content = column.get(str(column.get("type")))
    options = content.get("options") if isinstance(content, dict) else None
    return tuple(str(each.get("name")) for each in options or [] if isinstance(each, dict))


def _optional(source: Mapping[str, Any], name: str) -> str:
    value = source.get(name)
    return value if isinstance(value, str) else ""
