"""What the imitated Notion holds, and what it refuses: columns, typed values, filters."""

from __future__ import annotations

import operator
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

MAX_CHARACTERS = 2_000
MAX_ITEMS = 100
PEOPLE: Mapping[str, tuple[str, str]] = {
    "a1000000-0000-4000-8000-000000000001": ("Ana", "ana@example.com"),
    "a1000000-0000-4000-8000-000000000002": ("Rui", "rui@example.com"),
}
BOT = "b0000000-0000-4000-8000-000000000001"
PARENT_PAGE = "c0000000-0000-4000-8000-000000000001"
CLIENTS_DATABASE = "d0000000-0000-4000-8000-000000000001"
CLIENTS = "d5000000-0000-4000-8000-000000000001"
TASKS_DATABASE = "d0000000-0000-4000-8000-000000000002"
TASKS = "d5000000-0000-4000-8000-000000000002"
CLIENT_PAGES = tuple(f"e0000000-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
TASK_COLUMNS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "Nome": ("title", ()),
    "Notas": ("rich_text", ()),
    "Valor": ("number", ()),
    "Área": ("select", ("Anúncios", "Design")),
    "Etiquetas": ("multi_select", ("urgente", "cliente")),
    "Situação": ("status", ("A fazer", "Em andamento", "Feito")),
    "Prazo": ("date", ()),
    "Responsável": ("people", ()),
    "Aprovado": ("checkbox", ()),
    "Link": ("url", ()),
    "E-mail": ("email", ()),
    "Telefone": ("phone_number", ()),
    "Cliente": ("relation", ()),
    "Chave": ("rich_text", ()),
    "Soma": ("formula", ()),
}
EMPTY: Mapping[str, Any] = {
    "title": [],
    "rich_text": [],
    "multi_select": [],
    "people": [],
    "relation": [],
    "checkbox": False,
    "formula": {"type": "number", "number": None},
}
OPTION_KINDS = ("select", "multi_select", "status")
WRITABLE = frozenset({*(kind for kind, _options in TASK_COLUMNS.values())} - {"formula"})

Row = dict[str, Any]


class Invalid(Exception):
    """Notion's error: a code and a sentence."""

    def __init__(self, text: str, code: str = "validation_error") -> None:
        super().__init__(text)
        self.code = code


@dataclass(slots=True)
class Source:
    """A data source with its columns: name → kind and options."""

    id: str
    database: str
    title: str
    columns: dict[str, tuple[str, list[str]]]


@dataclass(slots=True)
class Contents:
    """Everything in one workspace."""

    sources: dict[str, Source] = field(default_factory=dict)
    pages: dict[str, Row] = field(default_factory=dict)
    blocks: dict[str, list[Row]] = field(default_factory=dict)

    def fill(self) -> None:
        """What exists from the start: tasks without rows, and three clients."""
        self.add_source(TASKS, TASKS_DATABASE, "Tarefas", TASK_COLUMNS)
        self.add_source(CLIENTS, CLIENTS_DATABASE, "Clientes", {"Nome": ("title", ()), "Chave": ("rich_text", ())})
        for number, page in enumerate(CLIENT_PAGES, start=1):
            values = {"Nome": {"title": _text(f"Cliente {number}")}, "Chave": {"rich_text": _text(f"client:{number}")}}
            self.add_page(page, CLIENTS, values)
        self.blocks[PARENT_PAGE] = []

    def add_source(self, source: str, database: str, title: str, columns: Mapping[str, tuple[str, Any]]) -> Source:
        """A data source in a database of its own."""
        if sum(kind == "title" for kind, _options in columns.values()) != 1:
            raise Invalid("Title is not provided, or there is more than one.")
        made = Source(source, database, title, {name: (kind, list(given)) for name, (kind, given) in columns.items()})
        self.sources[source] = made
        return made

    def add_page(self, page: str, source: str, values: Mapping[str, Any]) -> Row:
        """A row with these properties, the others empty."""
        found = self.source(source)
        properties = {
            name: {"id": _short(name), "type": kind, kind: EMPTY.get(kind)}
            for name, (kind, _options) in found.columns.items()
        }
        now = _minute()
        self.pages[page] = {
            "object": "page",
            "id": page,
            "created_time": now,
            "last_edited_time": now,
            "created_by": {"object": "user", "id": BOT},
            "cover": None,
            "icon": None,
            "parent": {"type": "data_source_id", "data_source_id": source, "database_id": found.database},
            "in_trash": False,
            "is_locked": False,
            "properties": {**properties, **self.checked(found, values)},
            "url": f"https://www.notion.so/{page.replace('-', '')}",
            "public_url": None,
        }
        self.blocks[page] = []
        return self.pages[page]

    def change_page(self, page: str, given: Mapping[str, Any]) -> Row:
        """Set properties, or put it into the trash."""
        row = self.page(page)
        source = self.source(row["parent"]["data_source_id"])
        changed = self.checked(source, given.get("properties") or {})
        if not isinstance(given.get("in_trash", False), bool):
            raise Invalid("body.in_trash should be a boolean.")
        if row["in_trash"] and given.get("in_trash") is not False and changed:
            raise Invalid("Can't edit block that is archived. You must unarchive the block before editing.")
        row["properties"] |= changed
        row["in_trash"] = given.get("in_trash", row["in_trash"])
        row["last_edited_time"] = _minute()
        return row

    def add_blocks(self, parent: str, children: Any) -> list[Row]:
        """Blocks at the end of a page or block."""
        if parent not in self.blocks:
            raise _unknown("block", parent)
        if not isinstance(children, list) or len(children) > MAX_ITEMS:
            raise Invalid(f"body.children.length should be ≤ `{MAX_ITEMS}`.")
        made = [_block(parent, child) for child in children]
        self.blocks[parent] += made
        for row in made:
            self.blocks[row["id"]] = []
        return made

    def source(self, source: str) -> Source:
        """A data source. Raises Invalid."""
        found = self.sources.get(dashed(source))
        if found is None:
            raise _unknown("data source", source)
        return found

    def page(self, page: str) -> Row:
        """A page. Raises Invalid."""
        found = self.pages.get(dashed(page))
        if found is None:
            raise _unknown("page", page)
        return found

    def checked(self, source: Source, values: Mapping[str, Any]) -> Row:
        """The given properties as Notion keeps them. Raises Invalid."""
        found: Row = {}
        for name, value in values.items():
            if name not in source.columns:
                raise Invalid(f"{name} is not a property that exists.")
            kind, options = source.columns[name]
            if not isinstance(value, dict) or kind not in value or kind not in WRITABLE:
                raise Invalid(f"{name} is expected to be {kind}.")
            try:
                kept = self._kept(kind, options, value[kind])
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise Invalid(f"body.properties.{name}.{kind} is not right: {error}") from None
            found[name] = {"id": _short(name), "type": kind, kind: kept}
        return found

    def _kept(self, kind: str, options: list[str], value: Any) -> Any:
        match kind:
            case "title" | "rich_text":
                return kept_text(value)
            case "number" if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
                return value
            case "select" | "status":
                return None if value is None else _option(kind, options, value["name"])
            case "multi_select":
                return [_option(kind, options, each["name"]) for each in _few(value)]
            case "date":
                return None if value is None else _date(value)
            case "people":
                return [_person(each["id"]) for each in _few(value)]
            case "relation":
                return [{"id": self.page(each["id"])["id"]} for each in _few(value)]
            case "checkbox" if isinstance(value, bool):
                return value
            case "url" | "email" | "phone_number" if value is None or (isinstance(value, str) and value):
                return value
        raise TypeError(f"not a {kind}")


def matches(row: Row, wanted: Mapping[str, Any]) -> bool:
    """Whether a page is one that a filter wants. Raises Invalid for a filter that is not understood."""
    if "and" in wanted:
        return all(matches(row, each) for each in wanted["and"])
    if "or" in wanted:
        return any(matches(row, each) for each in wanted["or"])
    if wanted.get("timestamp") in ("last_edited_time", "created_time"):
        name = str(wanted["timestamp"])
        return _compared(wanted.get(name), row[name])
    name = str(wanted.get("property"))
    if name not in row["properties"]:
        raise Invalid(f"Could not find property with name or id: {name}")
    kind = row["properties"][name]["type"]
    if kind not in wanted:
        raise Invalid(f"database property {kind} does not match filter")
    return _compared(wanted[kind], _plain(row["properties"][name][kind], kind))


def kept_text(value: Any) -> list[Row]:
    """Rich text as Notion keeps it. Raises Invalid or TypeError."""
    if not isinstance(value, list) or len(value) > MAX_ITEMS:
        raise Invalid(f"rich text should be a list of at most {MAX_ITEMS}.")
    return [piece for each in value for piece in _text(each["text"]["content"])]


def dashed(given: str) -> str:
    """An id as Notion writes it. Raises Invalid for what is no id."""
    try:
        return str(uuid.UUID(given))
    except ValueError:
        raise Invalid("path failed validation: path.id should be a valid uuid.") from None


def _compared(condition: Any, value: Any) -> bool:
    compare: Mapping[str, Callable[[Any, Any], bool]] = {
        "equals": operator.eq,
        "contains": lambda have, want: want in have,
        "on_or_after": lambda have, want: have is not None and _moment(have) >= _moment(want),
        "on_or_before": lambda have, want: have is not None and _moment(have) <= _moment(want),
        "after": lambda have, want: have is not None and _moment(have) > _moment(want),
        "is_empty": lambda have, want: (have in (None, "", [])) is want,
    }
    if not isinstance(condition, dict) or len(condition) != 1 or not condition.keys() <= compare.keys():
        raise Invalid("body failed validation: the filter has no condition that Notion knows.")
    [(how, want)] = condition.items()
    return compare[how](value, want)


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{text} is not a valid ISO 8601 date.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _plain(value: Any, kind: str) -> Any:
    match kind:
        case "title" | "rich_text":
            return "".join(piece["plain_text"] for piece in value)
        case "select" | "status":
            return None if value is None else value["name"]
        case "multi_select":
            return [each["name"] for each in value]
        case "people" | "relation":
            return [each["id"] for each in value]
        case "date":
            return None if value is None else value["start"]
    return value


def _text(content: str) -> list[Row]:
    if len(content.encode("utf-16-le")) > MAX_CHARACTERS * 2:
        raise Invalid(f"text.content.length should be ≤ `{MAX_CHARACTERS}`.")
    text = {"content": content, "link": None}
    return [{"type": "text", "text": text, "annotations": {"bold": False}, "plain_text": content, "href": None}]


def _option(kind: str, options: list[str], name: str) -> Row:
    if not name or "," in name or not isinstance(name, str):
        raise Invalid("the name of an option is a text without a comma.")
    if name not in options:
        if kind == "status":
            raise Invalid(f'Status option "{name}" does not exist.')
        options.append(name)
    return {"id": _short(name), "name": name, "color": "default"}


def _date(value: Row) -> Row:
    _moment(value["start"])
    if value.get("end") is not None:
        _moment(value["end"])
    return {"start": value["start"], "end": value.get("end"), "time_zone": None}


def _person(person: str) -> Row:
    if person not in PEOPLE:
        raise Invalid(f"user {person} was not found.")
    return {"object": "user", "id": person, "type": "person", "name": PEOPLE[person][0]}


def _few(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > MAX_ITEMS:
        raise Invalid(f"there should be at most {MAX_ITEMS} of these.")
    return value


def _block(parent: str, child: Any) -> Row:
    kind = str(child.get("type")) if isinstance(child, dict) else ""
    if not kind or not isinstance(child.get(kind), dict):
        raise Invalid("body.children: each block has a type and content of that name.")
    content = dict(child[kind])
    if "rich_text" in content:
        content["rich_text"] = kept_text(content["rich_text"])
    elif kind != "divider":
        raise Invalid(f"body.children.{kind}.rich_text should be defined.")
    now = _minute()
    return {
        "object": "block",
        "id": str(uuid.uuid4()),
        "parent": {"type": "page_id", "page_id": parent},
        "created_time": now,
        "last_edited_time": now,
        "has_children": False,
        "in_trash": False,
        "type": kind,
        kind: content,
    }


def _minute() -> str:
    """Notion tells times to the minute."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:00.000Z")


def _short(name: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_OID, name).hex[:4]


def _unknown(what: str, given: str) -> Invalid:
    text = f"Could not find {what} with ID: {given}. Make sure it is shared with your integration."
    return Invalid(text, "object_not_found")
