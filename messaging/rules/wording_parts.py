"""One source of a wording, parsed: what most messages are made of is put together directly, the rest is Liquid's own work.

Liquid reaches mappings only, never an object's attributes, and has limits on loops and output, so a template cannot read or exhaust anything.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from liquid import Environment
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.output import OutputNode
from liquid.exceptions import LiquidError
from liquid.template import BoundTemplate
from markupsafe import escape

MAX_OUTPUT = 100_000  # bytes; ten times the longest message any channel takes


class _Plain(Environment):
    """Liquid with limits, for plain text."""

    loop_iteration_limit = 1_000
    output_stream_limit = MAX_OUTPUT
    context_depth_limit = 10
    local_namespace_limit = 10_000


TEXT = _Plain()
HTML = _Plain(autoescape=True)


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


class Part:
    """A parsed source. Literal text and plain `{{ path }}` outputs are joined, a tenth of what Liquid takes for them; anything else is rendered
    by Liquid. Both yield the same text (a property test compares them)."""

    def __init__(self, environment: Environment, source: str, name: str, place: int = 0) -> None:
        """Raises `TemplateInvalid`, which names the part, where Liquid cannot parse it."""
        self._name, self._place, self._escapes = name, place, environment.autoescape
        try:
            self._template: BoundTemplate | None = environment.from_string(source) if source else None
        except LiquidError as error:
            raise self._invalid(error) from error
        self.paths: tuple[str, ...] = tuple(self._template.global_variable_paths()) if self._template else ()
        self._pieces = _pieces(self._template, self.paths) if self._template else None

    def fill(self, used: Mapping[str, str]) -> str:
        """The text for these values, which hold every path. Raises `TemplateInvalid`."""
        if self._template is None:
            return ""
        if self._pieces is None:
            return self._render(self._template, used)
        text = "".join([piece if isinstance(piece, str) else self._value(used[piece[0]]) for piece in self._pieces])
        if len(text) * 4 > MAX_OUTPUT:
            return self._render(self._template, used)  # it counts the bytes
        return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text  # as Liquid's own output

    def _value(self, value: str) -> str:
        return str(escape(value)) if self._escapes else value

    def _render(self, template: BoundTemplate, used: Mapping[str, str]) -> str:
        try:
            return str(template.render(**nest(used)))
        except LiquidError as error:
            raise self._invalid(error) from error

    def _invalid(self, error: LiquidError) -> TemplateInvalid:
        context = error.context()
        return TemplateInvalid(str(error.message or error), self._name, context[0] if context else 0, self._place)


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


def _pieces(template: BoundTemplate, paths: Sequence[str]) -> "tuple[str | tuple[str], ...] | None":
    """Texts and `(path,)`s in order, or None where the source holds anything but text and plain outputs."""
    pieces: list[str | tuple[str]] = []
    for node in template.nodes:
        if isinstance(node, ContentNode):
            pieces.append(node.text)
            continue
        expression = node.expression if isinstance(node, OutputNode) else None
        if not isinstance(expression, FilteredExpression) or expression.filters:
            return None
        parts = expression.left.path if isinstance(expression.left, Path) else []
        path = ".".join(str(part) for part in parts)
        if path not in paths or any(not isinstance(part, str) or "." in part for part in parts):
            return None
        pieces.append((path,))
    return tuple(pieces)
