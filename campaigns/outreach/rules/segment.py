"""A segment: a tree of conditions over one contact, as values, and its JSON.

    {"all": [{"field": "tags", "op": "has", "value": "vip"}, {"not": {"field": "attributes.city", "op": "is", "value": "Santos"}}]}

`{}` is everybody. A condition about something that is not known (no e-mail, no such attribute) is not met; `not` turns that around, so
"city is not Santos" includes people without a city. Dates are relative where they say "days" and resolved when the segment is evaluated.
"""

import datetime as dt
import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agency.kit.errors import InvalidInput

MAX_DEPTH = 6
MAX_CONDITIONS = 100
MAX_TEXT = 200
MAX_CHOICES = 100
MAX_DAYS = 3_660
ATTRIBUTE = "attributes."
_KEY = re.compile(r"[^\W]\w{0,59}")


class FieldKind(enum.Enum):
    """What may be asked of a field."""

    TEXT = "text"
    NUMBER = "number"
    MOMENT = "moment"
    TAGS = "tags"
    ATTRIBUTE = "attribute"


FIELDS: Mapping[str, FieldKind] = {
    "name": FieldKind.TEXT,
    "phone": FieldKind.TEXT,
    "email": FieldKind.TEXT,
    "language": FieldKind.TEXT,
    "time_zone": FieldKind.TEXT,
    "tags": FieldKind.TAGS,
    "replies": FieldKind.NUMBER,
    "created_at": FieldKind.MOMENT,
    "last_inbound_at": FieldKind.MOMENT,
}


class Op(enum.StrEnum):
    """How a field is compared."""

    IS = "is"
    ONE_OF = "one_of"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    FILLED = "filled"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    HAS = "has"
    HAS_ANY = "has_any"
    HAS_ALL = "has_all"
    LAST_DAYS = "in_last_days"
    NEXT_DAYS = "in_next_days"
    BEFORE = "before"
    SINCE = "since"


_TEXT_OPS = frozenset({Op.IS, Op.ONE_OF, Op.CONTAINS, Op.STARTS_WITH, Op.ENDS_WITH, Op.FILLED})
_NUMBER_OPS = frozenset({Op.IS, Op.AT_LEAST, Op.AT_MOST})
_DATE_OPS = frozenset({Op.LAST_DAYS, Op.BEFORE, Op.SINCE, Op.FILLED})
OPS: Mapping[FieldKind, frozenset[Op]] = {
    FieldKind.TEXT: _TEXT_OPS,
    FieldKind.NUMBER: _NUMBER_OPS,
    FieldKind.MOMENT: _DATE_OPS,
    FieldKind.TAGS: frozenset({Op.HAS, Op.HAS_ANY, Op.HAS_ALL, Op.FILLED}),
    FieldKind.ATTRIBUTE: _TEXT_OPS | _NUMBER_OPS | _DATE_OPS | {Op.NEXT_DAYS},
}

Value = str | int | float | bool | dt.date | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. `value` is None for `filled`, days for `in_last_days`, a date for `before` and `since`, a tuple for `one_of` and the like."""

    field: str
    op: Op
    value: Value = None

    @property
    def kind(self) -> FieldKind:
        """What the field is."""
        return FIELDS.get(self.field, FieldKind.ATTRIBUTE)

    @property
    def key(self) -> str:
        """The attribute's own key; empty for a field of the contact."""
        return self.field.removeprefix(ATTRIBUTE) if self.kind is FieldKind.ATTRIBUTE else ""


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds; without parts: everybody."""

    parts: "tuple[Node, ...]" = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Node"


Node = All | AnyOf | Not | Condition
EVERYBODY = All()


def read_segment(value: Any) -> Node:
    """The tree of a segment's JSON. Raises `InvalidInput` whose `field` is the place, such as "all[1].value"."""
    if value in ({}, None):
        return EVERYBODY
    seen = [0]
    return _node(value, "", 1, seen)


def write_segment(node: Node) -> dict[str, Any]:
    """What `read_segment` reads back to an equal tree."""
    if isinstance(node, All):
        return {"all": [write_segment(part) for part in node.parts]} if node.parts else {}
    if isinstance(node, AnyOf):
        return {"any": [write_segment(part) for part in node.parts]}
    if isinstance(node, Not):
        return {"not": write_segment(node.part)}
    value: Any = node.value
    if isinstance(value, dt.date):
        value = value.isoformat()
    elif isinstance(value, tuple):
        value = list(value)
    return {"field": node.field, "op": node.op.value} | ({} if value is None else {"value": value})


def conditions_of(node: Node) -> tuple[Condition, ...]:
    """Every condition of the tree, in order."""
    if isinstance(node, Condition):
        return (node,)
    parts = (node.part,) if isinstance(node, Not) else node.parts
    return tuple(found for part in parts for found in conditions_of(part))


def _wrong(place: str, text: str) -> InvalidInput:
    return InvalidInput("invalid_segment", text, field=place or "conditions")


def _node(value: Any, place: str, depth: int, seen: list[int]) -> Node:
    if not isinstance(value, Mapping):
        raise _wrong(place, "a condition is an object")
    if depth > MAX_DEPTH:
        raise _wrong(place, f"conditions are nested deeper than {MAX_DEPTH} levels")
    if len(value) == 1 and ("all" in value or "any" in value):
        (word,) = value
        parts = value[word]
        if not isinstance(parts, list) or not parts:
            raise _wrong(_join(place, word), f"“{word}” holds a list of at least one condition")
        read = tuple(
            _node(part, f"{_join(place, word)}[{number}]", depth + 1, seen) for number, part in enumerate(parts)
        )
        return All(read) if word == "all" else AnyOf(read)
    if len(value) == 1 and "not" in value:
        return Not(_node(value["not"], _join(place, "not"), depth + 1, seen))
    seen[0] += 1
    if seen[0] > MAX_CONDITIONS:
        raise _wrong(place, f"a segment has at most {MAX_CONDITIONS} conditions")
    return _condition(value, place)


def _join(place: str, word: str) -> str:
    return f"{place}.{word}" if place else word


def _condition(value: Mapping[str, Any], place: str) -> Condition:
    unknown = [key for key in value if key not in ("field", "op", "value")]
    if unknown or "field" not in value or "op" not in value:
        raise _wrong(place, "a condition has a field, an op and a value; a group is “all”, “any” or “not”")
    name = value["field"]
    if not isinstance(name, str) or not (
        name in FIELDS or (name.startswith(ATTRIBUTE) and _KEY.fullmatch(name.removeprefix(ATTRIBUTE)))
    ):
        raise _wrong(_join(place, "field"), f"unknown field {name!r}; known are {', '.join(FIELDS)} and attributes.…")
    kind = FIELDS.get(name, FieldKind.ATTRIBUTE)
    allowed = sorted(OPS[kind])
    if value["op"] not in allowed:
        raise _wrong(_join(place, "op"), f"{name} can be asked {', '.join(allowed)}, not {value['op']!r}")
    op = Op(value["op"])
    return Condition(name, op, _READERS[op](value.get("value"), kind, _join(place, "value")))


def _text(value: Any, kind: FieldKind, place: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT or "\x00" in value:
        raise _wrong(place, f"a text of 1 to {MAX_TEXT} characters is needed, not {value!r}")
    return value


def _texts(value: Any, kind: FieldKind, place: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_CHOICES:
        raise _wrong(place, f"a list of 1 to {MAX_CHOICES} texts is needed")
    return tuple(dict.fromkeys(_text(item, kind, place) for item in value))


def _number(value: Any, kind: FieldKind, place: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e15:
        raise _wrong(place, f"a number is needed, not {value!r}")
    return value


def _exact(value: Any, kind: FieldKind, place: str) -> str | int | float | bool:
    if kind is FieldKind.ATTRIBUTE and isinstance(value, bool):
        return value
    if kind is FieldKind.NUMBER or (kind is FieldKind.ATTRIBUTE and isinstance(value, (int, float))):
        return _number(value, kind, place)
    return _text(value, kind, place)


def _days(value: Any, kind: FieldKind, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_DAYS:
        raise _wrong(place, f"a number of days from 1 to {MAX_DAYS} is needed, not {value!r}")
    return value


def _date(value: Any, kind: FieldKind, place: str) -> dt.date:
    try:
        return dt.date.fromisoformat(value)
    except (TypeError, ValueError):
        raise _wrong(place, f"a date is written 2026-12-31, not {value!r}") from None


def _nothing(value: Any, kind: FieldKind, place: str) -> None:
    if value is not None:
        raise _wrong(place, "“filled” takes no value")


_READERS: Mapping[Op, Callable[[Any, FieldKind, str], Value]] = {
    Op.IS: _exact,
    Op.ONE_OF: _texts,
    Op.CONTAINS: _text,
    Op.STARTS_WITH: _text,
    Op.ENDS_WITH: _text,
    Op.FILLED: _nothing,
    Op.AT_LEAST: _number,
    Op.AT_MOST: _number,
    Op.HAS: _text,
    Op.HAS_ANY: _texts,
    Op.HAS_ALL: _texts,
    Op.LAST_DAYS: _days,
    Op.NEXT_DAYS: _days,
    Op.BEFORE: _date,
    Op.SINCE: _date,
}

NEW_LAST_WEEK: Node = Condition("created_at", Op.LAST_DAYS, 7)
ENGAGED: Node = Condition("last_inbound_at", Op.LAST_DAYS, 30)
INACTIVE: Node = All(
    (Not(Condition("created_at", Op.LAST_DAYS, 30)), Not(Condition("last_inbound_at", Op.LAST_DAYS, 30)))
)
