"""Filling a template: Liquid in a sandbox, compiled once per batch, with a fallback or a stated reason for each missing variable.

Liquid reaches mappings only, never an object's attributes, and has limits on loops and output, so a template cannot read or exhaust anything.
"""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from liquid import Environment
from liquid.exceptions import LiquidError
from liquid.template import BoundTemplate

Scalar = str | int | float | bool | None
Values = Mapping[str, Any]

MAX_OUTPUT = 100_000  # characters; ten times the longest message any channel takes


class _Plain(Environment):
    """Liquid with limits, for plain text."""

    loop_iteration_limit = 1_000
    output_stream_limit = MAX_OUTPUT
    context_depth_limit = 10
    local_namespace_limit = 10_000


_TEXT = _Plain()
_HTML = _Plain(autoescape=True)


class TemplateInvalid(Exception):
    """The template cannot be parsed, or breaks a limit while it is filled. `part` is the field of the wording, `line` counts from 1 (0: nowhere).

    A part that is one of several (`parameters`) has its own position, from 1, as `place`.
    """

    def __init__(self, text: str, part: str = "", line: int = 0, place: int = 0) -> None:
        super().__init__(text)
        self.text, self.part, self.line, self.place = text, part, line, place

    def __str__(self) -> str:
        where = f"{self.part} {self.place or ''}".strip()
        return (
            f"{where}, line {self.line}: {self.text}" if self.line else f"{where}: {self.text}" if where else self.text
        )


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


def look_up(values: Values, path: str) -> Any:
    """The value at a dotted path, or None."""
    found: Any = values
    for part in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def nest(values: Mapping[str, str]) -> dict[str, Any]:
    """`{"contact.name": "Ana"}` → `{"contact": {"name": "Ana"}}`."""
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *parents, leaf = path.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    return tree


class CompiledTemplate:
    """A wording parsed once and filled many times."""

    def __init__(self, wording: Wording) -> None:
        """Raises `TemplateInvalid` where Liquid cannot parse a part."""
        self._declared = {variable.name: variable for variable in wording.variables}
        self._subject = _parse(_TEXT, wording.subject, "subject")
        self._body = _parse(_TEXT, wording.body, "body")
        self._html = _parse(_HTML, wording.html, "html")
        self._parameters = tuple(
            _parse(_TEXT, source, "parameters", place) for place, source in enumerate(wording.parameters, 1)
        )
        parts = (self._subject, self._body, self._html, *self._parameters)
        self.paths: tuple[str, ...] = tuple(
            dict.fromkeys(path for part in parts if part for path in part.global_variable_paths())
        )
        self.uses_attributes = any(path.startswith("contact.attributes") for path in self.paths)

    def fill(self, values: Values) -> Rendered:
        """Fill it for one person. Raises `VariableMissing` or `TemplateInvalid`; nothing is half filled."""
        used = {path: self._resolve(values, path) for path in self.paths}
        context = nest(used)
        return Rendered(
            subject=_render(self._subject, context, "subject"),
            body=_render(self._body, context, "body"),
            html=_render(self._html, context, "html"),
            parameters=tuple(
                _render(part, context, "parameters", place) for place, part in enumerate(self._parameters, 1)
            ),
            values=used,
        )

    def fillings(self, values: Values) -> tuple[Filling, ...]:
        """What each variable would be filled with for one person, in the order in which the template uses them. Raises nothing."""
        return tuple(self._filling(values, path) for path in self.paths)

    def _filling(self, values: Values, path: str) -> Filling:
        given = _given(values, path)
        if given is not None:
            return Filling(path, given, Source.VALUE)
        stand_in = self._stand_in(path)
        if stand_in is None:
            return Filling(path, "", Source.MISSING)
        return Filling(path, stand_in, Source.FALLBACK if stand_in else Source.EMPTY)

    def _resolve(self, values: Values, path: str) -> str:
        given = _given(values, path)
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


def _given(values: Values, path: str) -> str | None:
    """The text of a value, or None where there is none."""
    value = look_up(values, path)
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


def _parse(environment: Environment, source: str, part: str, place: int = 0) -> BoundTemplate | None:
    if not source:
        return None
    try:
        return environment.from_string(source)
    except LiquidError as error:
        raise _invalid(error, part, place) from error


def _render(template: BoundTemplate | None, context: Mapping[str, Any], part: str, place: int = 0) -> str:
    if template is None:
        return ""
    try:
        return str(template.render(**context))
    except LiquidError as error:
        raise _invalid(error, part, place) from error


def _invalid(error: LiquidError, part: str, place: int) -> TemplateInvalid:
    context = error.context()
    return TemplateInvalid(str(error.message or error), part, context[0] if context else 0, place)


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
