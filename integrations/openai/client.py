"""OpenAI through its own SDK. Its retries are off: what may be repeated is decided in `calling`."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import openai

from integrations.calling.calls import Calls
from integrations.capabilities.language.model import (
    AnswerCutOff,
    AnswerRefused,
    Completion,
    ContextTooLong,
    Embeddings,
    Question,
    Tier,
    rough_tokens,
    shaped,
    wire_schema,
)
from integrations.capabilities.language.reading import Reading, seconds_of
from integrations.errors import (
    AuthenticationFailed,
    IntegrationError,
    RateLimited,
    Refused,
    TemporaryFailure,
    UnexpectedResponse,
)
from integrations.facts import ConnectionFacts

SERVICE = "openai"
DEFAULT_WAIT = 20.0  # seconds, when a 429 names none
# How much the model thinks before it answers; thinking counts as output.
EFFORT = {Tier.SMALL: "low", Tier.MAIN: "medium", Tier.LONG: "medium"}
IMAGE_TOKENS = 6_000  # of one picture of high quality, for the quota
_UNPAID = frozenset({"billing_hard_limit_reached", "billing_not_active", "insufficient_quota"})
_FILTERED = frozenset({"content_policy_violation", "moderation_blocked"})


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, finished or not, and what it cost."""

    text: str
    stop: str  # completed | refusal | content_filter | max_output_tokens | anything else
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as a file."""

    content: bytes
    content_type: str
    model: str
    input_tokens: int
    output_tokens: int


class OpenAIModel:
    """One project. Safe to share between threads."""

    def __init__(self, connection: ConnectionFacts) -> None:
        self._models = {tier: connection.setting(f"model_{tier}") for tier in Tier}
        self._embedding = connection.setting("model_embedding")
        self._image = connection.setting("model_image")
        self._calls = Calls(connection, _translated)
        self._sdk = openai.OpenAI(
            api_key=connection.secret("api_key"), base_url=connection.setting("base_url").rstrip("/"), max_retries=0
        )

    def close(self) -> None:
        """Close its connections."""
        self._sdk.close()

    def complete(self, question: Question) -> Completion:
        """The answer to a question; nothing of it is kept there. An answer that is refused, cut off or of another shape was paid for."""
        model = self._models[question.tier]
        asked: dict[str, Any] = {
            "model": model,
            "instructions": question.system,
            "input": question.text,
            "max_output_tokens": question.most_tokens,
            "reasoning": {"effort": EFFORT[question.tier]},
            "store": False,
        }
        if question.shape is not None:
            form = {"type": "json_schema", "name": question.shape.__name__, "strict": True}
            asked["text"] = {"format": {**form, "schema": wire_schema(question.shape)}}
        ask = self._sdk.responses.with_raw_response.create
        answered = self._calls.run(
            "complete",
            lambda seconds: read_answer(ask(**asked, timeout=seconds).http_response.json()),
            tokens=question.tokens,
            used=lambda answer: {f"{model} input": answer.input_tokens, f"{model} output": answer.output_tokens},
        )
        match answered.stop:
            case "completed":
                pass
            case "refusal" | "content_filter":
                raise AnswerRefused(SERVICE, "complete", answered.stop, "the model refused to answer")
            case "max_output_tokens":
                raise AnswerCutOff(SERVICE, "complete", "max_tokens", f"more than {question.most_tokens} tokens")
            case _:
                raise UnexpectedResponse(SERVICE, "complete", "status", answered.stop, accepted_possible=True)
        content = shaped(SERVICE, "complete", answered.text, question.shape)
        return Completion(answered.text, content, model, answered.input_tokens, answered.output_tokens)

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """One vector for each text, in order."""
        model = self._embedding
        ask = self._sdk.embeddings.with_raw_response.create

        def attempt(seconds: float) -> Embeddings:
            answer = ask(model=model, input=list(texts), encoding_format="float", timeout=seconds)
            return _read_vectors(answer.http_response.json(), model, len(texts))

        return self._calls.run(
            "embed",
            attempt,
            tokens=sum(map(rough_tokens, texts)),
            used=lambda answer: {f"{model} input": answer.tokens},
        )

    def generate_image(self, prompt: str, *, size: str = "1024x1024") -> Picture:
        """A picture of what the prompt says, as PNG. `size` is 1024x1024, 1024x1536 or 1536x1024."""
        model = self._image
        ask = self._sdk.images.with_raw_response.generate

        def attempt(seconds: float) -> Picture:
            chosen: Any = size
            answer = ask(model=model, prompt=prompt, size=chosen, output_format="png", n=1, timeout=seconds)
            return _read_picture(answer.http_response.json(), model)

        return self._calls.run(
            "generate_image",
            attempt,
            tokens=rough_tokens(prompt) + IMAGE_TOKENS,
            used=lambda answer: {f"{model} input": answer.input_tokens, f"{model} output": answer.output_tokens},
        )

    def first_model(self) -> str:
        """The name of one model that the key may use."""
        listed = self._sdk.models.with_raw_response.list
        return self._calls.run(
            "health",
            lambda seconds: Reading(SERVICE, "health", listed(timeout=seconds).http_response.json()).text(
                "data", 0, "id"
            ),
        )


def read_answer(content: object) -> Answered:
    """A response of the API. Raises `UnexpectedResponse` when it lacks what the documentation promises, or failed half way."""
    answer = Reading(SERVICE, "complete", content)
    status = answer.text("status")
    if status == "failed":
        code = str(answer.maybe("error", "code") or "failed")
        raise TemporaryFailure(
            SERVICE, "complete", code, str(answer.maybe("error", "message") or ""), accepted_possible=True
        )
    parts: list[Mapping[str, Any]] = []
    for position, item in enumerate(answer.rows("output")):
        if item.get("type") == "message":
            parts += answer.rows("output", position, "content")
    text = "".join(str(part.get("text") or "") for part in parts if part.get("type") == "output_text")
    stop = status
    if status == "incomplete":
        stop = answer.text("incomplete_details", "reason")
    elif any(part.get("type") == "refusal" for part in parts):
        stop = "refusal"
    elif status == "completed" and not text:
        raise UnexpectedResponse(SERVICE, "complete", "field_missing", "the answer has no text", accepted_possible=True)
    return Answered(text, stop, answer.number("usage", "input_tokens"), answer.number("usage", "output_tokens"))


def _read_vectors(content: object, model: str, expected: int) -> Embeddings:
    answer = Reading(SERVICE, "embed", content)
    rows = answer.rows("data")
    places = [answer.number("data", position, "index") for position in range(len(rows))]
    if sorted(places) != list(range(expected)):
        raise UnexpectedResponse(SERVICE, "embed", "vectors_missing", f"{len(rows)} of {expected} vectors")
    vectors = [answer.vector("data", places.index(place), "embedding") for place in range(expected)]
    return Embeddings(model, tuple(vectors), answer.number("usage", "prompt_tokens"))


def _read_picture(content: object, model: str) -> Picture:
    answer = Reading(SERVICE, "generate_image", content)
    try:
        picture = base64.b64decode(answer.text("data", 0, "b64_json"), validate=True)
    except binascii.Error:
        raise UnexpectedResponse(SERVICE, "generate_image", "not_base64", "the picture cannot be decoded") from None
    used = answer.number("usage", "input_tokens"), answer.number("usage", "output_tokens")
    return Picture(picture, "image/png", model, *used)


def _translated(operation: str, error: Exception) -> IntegrationError | None:
    """Our error for the SDK's; None for what is no failure of OpenAI, and for broken connections."""
    if isinstance(error, openai.APIConnectionError):
        return None
    if isinstance(error, openai.APIStatusError):
        return _status_error(operation, error)
    if isinstance(error, openai.OpenAIError | json.JSONDecodeError | UnicodeDecodeError):
        return UnexpectedResponse(SERVICE, operation, "not_understood", type(error).__name__, accepted_possible=True)
    return None


def _status_error(operation: str, error: openai.APIStatusError) -> IntegrationError:
    status = error.status_code
    body = error.body if isinstance(error.body, Mapping) else {}
    code, kind, text = (str(body.get(name) or "") for name in ("code", "type", "message"))
    named = code or kind
    if code in _UNPAID or kind in _UNPAID:
        return AuthenticationFailed(SERVICE, operation, named, text)
    if status == 429:
        wait = seconds_of(error.response.headers.get("retry-after"), DEFAULT_WAIT)
        return RateLimited(SERVICE, operation, named or "rate_limit_exceeded", text, retry_after=wait)
    if status >= 500:
        return TemporaryFailure(SERVICE, operation, named or f"http_{status}", text, accepted_possible=status != 503)
    if not named:
        return UnexpectedResponse(SERVICE, operation, f"http_{status}", "the answer is not OpenAI's")
    if status in (401, 403):
        return AuthenticationFailed(SERVICE, operation, named, text)
    if code == "context_length_exceeded":
        return ContextTooLong(SERVICE, operation, code, text)
    if code in _FILTERED:
        return AnswerRefused(SERVICE, operation, code, text)
    return Refused(SERVICE, operation, named, text)


def build(connection: ConnectionFacts) -> OpenAIModel:
    """The client for one connection. Raises `NotConfigured`."""
    return OpenAIModel(connection)
