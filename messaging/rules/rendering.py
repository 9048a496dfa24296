"""Filling a template: Liquid in a sandbox, compiled once per batch, with a fallback or a stated reason for each missing variable."""

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from messaging.rules.wording_parts import HTML, MAX_OUTPUT, TEXT, Part, TemplateInvalid, nest

__all__ = [
    "MAX_OUTPUT",
    "CompiledTemplate",
    "Filling",
    "Rendered",
    "Source",
    "TemplateInvalid",
    "Values",
    "Variable",
    "VariableMissing",
    "Wording",
    "compile_wording",
    "declared_variables",
    "look_up",
    "nest",
    "person_values",
]

Values = Mapping[str, Any]


class VariableMissing(Exception):
    """A required variable has neither a value nor a fallback. `name` is its path."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Source(enum.StrEnum):
    """Where the text for a variable comes from."""

    VALUE = "value"
    FALLBACK = "fallback"
    EMPTY = "empty"
    """Nothing, which its declaration allows."""
    MISSING = "missing"
    """Nothing, which keeps the message from being sent."""


@dataclass(frozen=True, slots=True)
class Filling:
    """What one variable of a template is filled with for one person."""

    name: str
    text: str
    source: Source


@dataclass(frozen=True, slots=True)
class Variable:
    """A declared variable: its path, what stands in for an empty value, and whether nothing at all is acceptable."""

    name: str
    fallback: str = ""
    required: bool = True


@dataclass(frozen=True, slots=True)
class Wording:
    """The Liquid sources of one template version. `parameters` fill a template kept at the provider, in order."""

    subject: str = ""
    body: str = ""
    html: str = ""
    parameters: tuple[str, ...] = ()
    variables: tuple[Variable, ...] = ()


@dataclass(frozen=True, slots=True)
class Rendered:
    """A filled template, and the values it was filled with by path (what is stored, and fills it the same way again)."""

    subject: str
    body: str
    html: str
    parameters: tuple[str, ...]
    values: dict[str, str]


def look_up(values: Values, path: Sequence[str]) -> Any:
    """The value at a path of names, or None."""
    found: Any = values
    for part in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


class CompiledTemplate:
    """A wording parsed once and filled many times."""

    def __init__(self, wording: Wording) -> None:
        """Raises `TemplateInvalid` where Liquid cannot parse a part."""
        self._declared = {variable.name: variable for variable in wording.variables}
        self._subject = Part(TEXT, wording.subject, "subject")
        self._body = Part(TEXT, wording.body, "body")
        self._html = Part(HTML, wording.html, "html")
        self._parameters = tuple(
            Part(TEXT, source, "parameters", place) for place, source in enumerate(wording.parameters, 1)
        )
        parts = (self._subject, self._body, self._html, *self._parameters)
        self.paths: tuple[str, ...] = tuple(dict.fromkeys(path for part in parts for path in part.paths))
        self._ways = tuple((path, tuple(path.split("."))) for path in self.paths)
        self.uses_attributes = any(path.startswith("contact.attributes") for path in self.paths)

    def fill(self, values: Values) -> Rendered:
        """Fill it for one person. Raises `VariableMissing` or `TemplateInvalid`; nothing is half filled."""
        used = {path: self._resolve(values, path, way) for path, way in self._ways}
        return Rendered(
            subject=self._subject.fill(used),
            body=self._body.fill(used),
            html=self._html.fill(used),
            parameters=tuple([part.fill(used) for part in self._parameters]),
            values=used,
        )

    def fillings(self, values: Values) -> tuple[Filling, ...]:
        """What each variable would be filled with for one person, in the order in which the template uses them. Raises nothing."""
        return tuple(self._filling(values, path, way) for path, way in self._ways)

    def _filling(self, values: Values, path: str, way: Sequence[str]) -> Filling:
        given = _given(values, way)
        if given is not None:
            return Filling(path, given, Source.VALUE)
        stand_in = self._stand_in(path)
        if stand_in is None:
            return Filling(path, "", Source.MISSING)
        return Filling(path, stand_in, Source.FALLBACK if stand_in else Source.EMPTY)

    def _resolve(self, values: Values, path: str, way: Sequence[str]) -> str:
        given = _given(values, way)
        if given is not None:
            return given
        stand_in = self._stand_in(path)
        if stand_in is None:
            raise VariableMissing(path)
        return stand_in

    def _stand_in(self, path: str) -> str | None:
        declared = self._declared.get(path)
        if declared is not None and (declared.fallback or not declared.required):
            return declared.fallback
        return None


def _given(values: Values, way: Sequence[str]) -> str | None:
    """The text of a value, or None where there is none."""
    value = look_up(values, way)
    if value is None or value == "" or isinstance(value, Mapping):
        return None
    return value if isinstance(value, str) else _as_text(value)


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    return str(value)


def declared_variables(declarations: Iterable[Mapping[str, Any]]) -> tuple[Variable, ...]:
    """The stored JSON declarations of a template version as `Variable`s."""
    return tuple(
        Variable(
            name=str(item["name"]), fallback=str(item.get("fallback", "")), required=bool(item.get("required", True))
        )
        for item in declarations
    )


@lru_cache(maxsize=256)
def compile_wording(wording: Wording) -> CompiledTemplate:
    """Parse a wording, or take it from the last 256 that were parsed in this process."""
    return CompiledTemplate(wording)


def person_values(
    *, name: str, phone: str | None, email: str | None, language: str, attributes: Mapping[str, Any]
) -> dict[str, Any]:
    """What a template can say of a person, as `contact`."""
    return {
        "name": name,
        "first_name": name.split(" ", 1)[0] if name else "",
        "phone": phone,
        "email": email,
        "language": language,
        "attributes": attributes,
    }
