"""What the contracts of the language models share: the questions."""

from collections.abc import Callable
from typing import Literal

import pytest
from pydantic import Field

from integrations.capabilities.language.model import Completion, Embeddings, Question, Shape, Tier


class Reason(Shape):
    """A part of an answer, so that the schema has a reference."""

    text: str = Field(max_length=500)
    weight: int = Field(ge=0, le=100)


class Verdict(Shape):
    """An answer with everything a schema may have."""

    label: Literal["hot", "warm", "cold"]
    score: int = Field(ge=0, le=100, description="How ready the lead is")
    reasons: list[Reason] = Field(min_length=1, max_length=5)
    note: str | None


ASKED = Question("You judge leads.", "Ana, 12 shops, wants a proposal.", Tier.SMALL)
JUDGED = Question("You judge leads.", "Ana, 12 shops, wants a proposal.", Tier.MAIN, shape=Verdict)
SHORT = Question("You write.", "A poem.", most_tokens=3)
REFUSED = Question("You write.", "Something bad [refuse].")


def answered(both: tuple[Completion, Completion]) -> None:
    """Both answers are whole: one in words, one of its shape."""
    plain, judged = both
    assert len(plain.text.split()) == 21
    assert plain.content is None
    assert plain.input_tokens == 13
    assert plain.output_tokens == len(plain.text) // 4 + 1
    assert isinstance(judged.content, Verdict)
    assert len(judged.content.reasons) == 2
    assert plain.model != judged.model


def embedded(model: str, size: int, tokens: int) -> Callable[[Embeddings], None]:
    """Three vectors of one model, the first and the last of the same text."""

    def check(found: Embeddings) -> None:
        first, second, third = found.vectors
        assert (found.model, len(first), found.tokens) == (model, size, tokens)
        assert first == third != second
        assert sum(each * each for each in first) == pytest.approx(1, abs=0.001)

    return check
