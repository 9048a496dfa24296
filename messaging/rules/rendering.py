"""Filling a template: Liquid in a sandbox, compiled once per batch, with a fallback or a stated reason for each missing variable.

Liquid reaches mappings only, never an object's attributes, and has limits on loops and output, so a template cannot read or exhaust anything.
"""

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
    """The template cannot be parsed, or breaks a limit while it is filled. The text says where."""


class VariableMissing(Exception):
    """A required variable has neither a value nor a fallback. `name` is its path."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


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
        self._subject = _parse(_TEXT, wording.subject)
        self._body = _parse(_TEXT, wording.body)
        self._html = _parse(_HTML, wording.html)
        self._parameters = tuple(_parse(_TEXT, source) for source in wording.parameters)
        parts = (self._subject, self._body, self._html, *self._parameters)
        self.paths: tuple[str, ...] = tuple(
            dict.fromkeys(path for part in parts if part for path in part.global_variable_paths())
        )
        self.uses_attributes = any(path.startswith("contact.attributes") for path in self.paths)

    def fill(self, values: Values) -> Rendered:
        """Fill it for one person. Raises `VariableMissing` or `TemplateInvalid`; nothing is half filled."""
        used = {path: self._resolve(values, path) for path in self.paths}
        context = nest(used)
        try:
            return Rendered(
                subject=self._subject.render(**context) if self._subject else "",
                body=self._body.render(**context) if self._body else "",
                html=self._html.render(**context) if self._html else "",
                parameters=tuple(part.render(**context) if part else "" for part in self._parameters),
                values=used,
            )
        except LiquidError as error:
            raise TemplateInvalid(str(error)) from error

    def _resolve(self, values: Values, path: str) -> str:
        value = look_up(values, path)
        if value is not None and value != "" and not isinstance(value, Mapping):
            return value if isinstance(value, str) else _as_text(value)
        declared = self._declared.get(path)
        if declared is not None and (declared.fallback or not declared.required):
            return declared.fallback
        raise VariableMissing(path)


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    return str(value)


def _parse(environment: Environment, source: str) -> BoundTemplate | None:
    if not source:
        return None
    try:
        return environment.from_string(source)
    except LiquidError as error:
        raise TemplateInvalid(str(error)) from error


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
