"""What every language model is asked and answers: the protocol that the services' clients implement."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from integrations.errors import Refused, UnexpectedResponse

# Rules of a schema that not every model's grammar understands; they are told in words, and checked here.
_TOLD_IN_WORDS = (
    ("minimum", "at least"),
    ("maximum", "at most"),
    ("exclusiveMinimum", "more than"),
    ("exclusiveMaximum", "less than"),
    ("minLength", "characters, at least"),
    ("maxLength", "characters, at most"),
    ("minItems", "entries, at least"),
    ("maxItems", "entries, at most"),
    ("pattern", "matches"),
)


class Tier(enum.StrEnum):
    """Which of a service's models: each tier is a setting of the connection (`model_small`, `model_main`, `model_long`)."""

    SMALL = "small"  # sorting, scoring, short answers
    MAIN = "main"  # writing
    LONG = "long"  # much to read


class Shape(BaseModel):
    """Base of structured answers: every field is required, nothing else may be there."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `most_tokens` covers the model's thinking too; `shape` demands JSON of that schema."""

    system: str
    text: str
    tier: Tier = Tier.MAIN
    most_tokens: int = 4_096
    shape: type[Shape] | None = None

    @property
    def tokens(self) -> int:
        """Roughly what the question and its answer will use up; Portuguese has some three characters a token."""
        return rough_tokens(self.system + self.text) + self.most_tokens


@dataclass(frozen=True, slots=True)
class Completion:
    """A finished answer. `content` is there when a shape was demanded, and fits it."""

    text: str
    content: Shape | None
    model: str
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Embeddings:
    """One vector for each text, all by the same `model`: vectors of two models cannot be compared."""

    model: str
    vectors: tuple[tuple[float, ...], ...]
    tokens: int


class LanguageModel(Protocol):
    """A service that answers questions. It changes nothing anywhere, so a question may be asked again, or of another."""

    def complete(self, question: Question) -> Completion:
        """Raises the errors of `integrations.errors`, and those below."""
        ...


class EmbeddingModel(Protocol):
    """A service that turns texts into vectors."""

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Raises the errors of `integrations.errors`."""
        ...


class AnswerRefused(Refused):
    """The model will not answer this, or its filter stopped it."""


class AnswerCutOff(Refused):
    """The answer did not end within `most_tokens`."""


class ContextTooLong(Refused):
    """The question is longer than the model can read."""


def rough_tokens(text: str) -> int:
    """How many tokens a text has, more or less, without asking anybody."""
    return len(text) // 3 + 1


def shaped(service: str, operation: str, text: str, shape: type[Shape] | None) -> Shape | None:
    """The answer as the shape that was demanded. Raises `UnexpectedResponse` when it is another."""
    if shape is None:
        return None
    try:
        return shape.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(each) for each in first["loc"])
        raise UnexpectedResponse(
            service, operation, "schema_mismatch", f"{where}: {first['type']}", accepted_possible=True
        ) from None


def wire_schema(shape: type[Shape]) -> dict[str, Any]:
    """The schema as every model's grammar takes it: structure only, limits told in the descriptions."""
    schema = _plain(shape.model_json_schema())
    if not isinstance(schema, dict):
        raise TypeError("a schema is an object")
    return schema


def _plain(node: Any) -> Any:
    if isinstance(node, list):
        return [_plain(each) for each in node]
    if not isinstance(node, dict):
        return node
    told = [f"{words} {node[name]}" for name, words in _TOLD_IN_WORDS if _is_rule(node, name)]
    kept = {
        name: {each: _plain(value) for each, value in found.items()}
        if name in ("properties", "$defs")
        else _plain(found)
        for name, found in node.items()
        if not (any(name == rule for rule, _words in _TOLD_IN_WORDS) and _is_rule(node, name)) and name != "title"
    }
    if told:
        kept["description"] = f"{kept.get('description', '')} ({'; '.join(told)})".strip()
    return kept


def _is_rule(node: Mapping[str, Any], name: str) -> bool:
    return name in node and not isinstance(node[name], dict)
