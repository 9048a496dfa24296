"""Values of a Notion page's properties, typed, both ways: `to_wire` writes what the API takes, `from_wire` reads what it answers.

An empty property is the value with nothing in it (`Number(None)`, `Select("")`, `People(())`), so that what was read can be written back.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

MOST_CHARACTERS = 2_000  # of one piece of rich text, counted as JavaScript does
MOST_PIECES = 100


class Malformed(ValueError):
    """A property that is not what Notion documents; the text names what is missing."""


@dataclass(frozen=True, slots=True)
class Title:
    """The page's name."""

    text: str


@dataclass(frozen=True, slots=True)
class RichText:
    """Text; formatting is not kept."""

    text: str


@dataclass(frozen=True, slots=True)
class Number:
    """A number; Notion keeps it as a double."""

    value: float | None


@dataclass(frozen=True, slots=True)
class Select:
    """One of the property's options, by name. Notion adds an option that it does not know."""

    name: str


@dataclass(frozen=True, slots=True)
class MultiSelect:
    """Some of the options, by name, in the order shown."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """One of the states, by name; an unknown one is refused."""

    name: str


@dataclass(frozen=True, slots=True)
class Date:
    """A day, a moment (aware), or a span of either."""

    start: date | datetime | None
    end: date | datetime | None = None


@dataclass(frozen=True, slots=True)
class People:
    """Ids of Notion users."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checkbox:
    """Ticked or not."""

    value: bool


@dataclass(frozen=True, slots=True)
class Url:
    """A web address."""

    value: str


@dataclass(frozen=True, slots=True)
class Email:
    """An e-mail address."""

    value: str


@dataclass(frozen=True, slots=True)
class Phone:
    """A telephone number, in any spelling."""

    value: str


@dataclass(frozen=True, slots=True)
class Relation:
    """Ids of related pages. `has_more`: Notion names the first 25 only, so what was read must not be written back."""

    ids: tuple[str, ...]
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class Unread:
    """A property of a kind that is not read here (formula, rollup, files …); it cannot be written."""

    kind: str


PropertyValue = (
    Title
    | RichText
    | Number
    | Select
    | MultiSelect
    | Status
    | Date
    | People
    | Checkbox
    | Url
    | Email
    | Phone
    | Relation
    | Unread
)
KINDS: Mapping[type[Any], str] = {
    Title: "title",
    RichText: "rich_text",
    Number: "number",
    Select: "select",
    MultiSelect: "multi_select",
    Status: "status",
    Date: "date",
    People: "people",
    Checkbox: "checkbox",
    Url: "url",
    Email: "email",
    Phone: "phone_number",
    Relation: "relation",
}


def to_wire(value: PropertyValue) -> dict[str, Any]:
    """The property as the API takes it. Raises ValueError for what cannot be written."""
    match value:
        case Title(text) | RichText(text):
            content: Any = rich_text(text)
        case Number(number):
            content = number
        case Select(name) | Status(name):
            content = {"name": name} if name else None
        case MultiSelect(names):
            content = [{"name": name} for name in names]
        case Date(start, end):
            content = None if start is None else {"start": start.isoformat(), "end": end.isoformat() if end else None}
        case People(ids) | Relation(ids, False):
            content = [{"id": each} for each in ids]
        case Checkbox(ticked):
            content = ticked
        case Url(text) | Email(text) | Phone(text):
            content = text or None
        case _:
            raise ValueError(f"a property cannot be written from {value!r}")
    return {KINDS[type(value)]: content}


def from_wire(source: Mapping[str, Any]) -> PropertyValue:
    """The typed value of a property as the API answers it. Raises `Malformed`."""
    kind = source.get("type")
    if not isinstance(kind, str) or not kind:
        raise Malformed("type")
    reader = _READERS.get(kind)
    if reader is None:
        return Unread(kind)
    if kind not in source:
        raise Malformed(kind)
    try:
        return reader(source)
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed(f"{kind}: {error}") from None


def rich_text(text: str) -> list[dict[str, Any]]:
    """Text in pieces of the size that Notion takes. Raises ValueError when there are too many."""
    pieces = list(_pieces(text))
    if len(pieces) > MOST_PIECES:
        raise ValueError(f"a text of more than {MOST_PIECES * MOST_CHARACTERS:,} characters")
    return [{"type": "text", "text": {"content": piece}} for piece in pieces]


def plain_text(pieces: list[Mapping[str, Any]]) -> str:
    """The words of rich text. Raises KeyError or TypeError."""
    return "".join(_word(piece["plain_text"]) for piece in pieces)


def _pieces(text: str) -> Iterator[str]:
    # An astral character counts as two, so half as many surely fit.
    size = MOST_CHARACTERS if not text or max(text) <= "\uffff" else MOST_CHARACTERS // 2
    for start in range(0, len(text), size):
        yield text[start : start + size]


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _named(value: Mapping[str, Any] | None) -> str:
    return "" if value is None else _word(value["name"])


def _names(value: list[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(_word(each["name"]) for each in value)


def _number(value: object) -> float | None:
    if value is not None and (not isinstance(value, int | float) or isinstance(value, bool)):
        raise TypeError("no number")
    return value


def _day_or_moment(text: str | None) -> date | datetime | None:
    if text is None:
        return None
    return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)


def _date(value: Mapping[str, Any] | None) -> Date:
    return Date(None) if value is None else Date(_day_or_moment(value["start"]), _day_or_moment(value.get("end")))


def _ids(value: list[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(_word(each["id"]) for each in value)


def _ticked(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("neither true nor false")
    return value


_READERS: Mapping[str, Callable[[Mapping[str, Any]], PropertyValue]] = {
    "title": lambda source: Title(plain_text(source["title"])),
    "rich_text": lambda source: RichText(plain_text(source["rich_text"])),
    "number": lambda source: Number(_number(source["number"])),
    "select": lambda source: Select(_named(source["select"])),
    "multi_select": lambda source: MultiSelect(_names(source["multi_select"])),
    "status": lambda source: Status(_named(source["status"])),
    "date": lambda source: _date(source["date"]),
    "people": lambda source: People(_ids(source["people"])),
    "checkbox": lambda source: Checkbox(_ticked(source["checkbox"])),
    "url": lambda source: Url(_word(source["url"] or "")),
    "email": lambda source: Email(_word(source["email"] or "")),
    "phone_number": lambda source: Phone(_word(source["phone_number"] or "")),
    "relation": lambda source: Relation(_ids(source["relation"]), source.get("has_more") is True),
}
