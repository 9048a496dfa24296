"""What an imitated model says: always the same to the same question, and JSON of the schema where one is demanded."""

from __future__ import annotations

import hashlib
import random
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import orjson

WORDS = (
    *("campanha", "público", "verba", "conversão", "criativo", "semana", "resultado", "anúncio", "cliente", "contato"),
    *("custo", "alcance", "teste", "segmento", "página", "oferta", "mensagem", "proposta", "ajuste", "aumento", "meta"),
)
REFUSE = "[refuse]"  # in a question: the model refuses
CHARACTERS_A_TOKEN = 4
MOST_DEPTH = 12


def tokens_in(text: str) -> int:
    """How many tokens a text counts as."""
    return len(text) // CHARACTERS_A_TOKEN + 1


def answer_to(seed: str, question: str, schema: Mapping[str, Any] | None) -> str:
    """The answer to a question: a few sentences, or JSON of the schema."""
    dice = _dice(seed, question)
    if schema is None:
        return " ".join(_sentence(dice) for _number in range(3))
    return orjson.dumps(_value(dice, schema, schema, 0)).decode()


def cut(text: str, most_tokens: int) -> tuple[str, bool]:
    """As much of a text as so many tokens hold, and whether that is less than all."""
    if tokens_in(text) <= most_tokens:
        return text, False
    return text[: max(1, (most_tokens - 1) * CHARACTERS_A_TOKEN)], True


def vector_of(seed: str, text: str, size: int) -> list[float]:
    """A vector of length 1, the same for the same text."""
    dice = _dice(seed, text)
    found = [dice.gauss(0, 1) for _number in range(size)]
    length = sum(each * each for each in found) ** 0.5
    return [round(each / length, 8) for each in found]


def picture_of(seed: str, prompt: str) -> bytes:
    """A PNG of one pixel, in a colour of its own for each prompt."""
    colour = hashlib.sha256(f"{seed}:{prompt}".encode()).digest()[:3]

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" + colour))
        + chunk(b"IEND", b"")
    )


def is_strict(schema: object) -> bool:
    """Whether every object of a schema names all its properties as required and allows no others, as strict modes demand."""
    if isinstance(schema, list):
        return all(map(is_strict, schema))
    if not isinstance(schema, Mapping):
        return True
    if schema.get("type") == "object" and (
        schema.get("additionalProperties") is not False
        or set(schema.get("required", ())) != set(schema.get("properties", {}))
    ):
        return False
    return all(map(is_strict, schema.values()))


def _dice(seed: str, text: str) -> random.Random:
    return random.Random(hashlib.sha256(f"{seed}:{text}".encode()).digest())


def _sentence(dice: random.Random) -> str:
    return " ".join(dice.choice(WORDS) for _number in range(7)).capitalize() + "."


def _value(dice: random.Random, schema: Mapping[str, Any], whole: Mapping[str, Any], depth: int) -> Any:
    if depth > MOST_DEPTH:
        return None
    if "$ref" in schema:
        found: Any = whole
        for name in str(schema["$ref"]).removeprefix("#/").split("/"):
            found = found[name]
        return _value(dice, found, whole, depth + 1)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return dice.choice(list(schema["enum"]))
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return _value(dice, schema[several][0], whole, depth + 1)
    match schema.get("type"):
        case "object":
            return {name: _value(dice, inner, whole, depth + 1) for name, inner in schema.get("properties", {}).items()}
        case "array":
            return [_value(dice, schema.get("items", {}), whole, depth + 1) for _number in range(2)]
        case "integer":
            return dice.randint(10, 90)
        case "number":
            return round(dice.random(), 2)
        case "boolean":
            return dice.random() < 0.5
        case "null":
            return None
    return _sentence(dice)
