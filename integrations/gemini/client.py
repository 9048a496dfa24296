"""Gemini through Google's own SDK (google-genai), which repeats nothing by itself: what may be repeated is decided in `calling`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google import genai
from google.genai import errors, types
from pydantic import ValidationError

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

SERVICE = "gemini"
DEFAULT_WAIT = 30.0  # seconds, when a 429 names none
# How much the model thinks before it answers; thinking counts as output.
EFFORT = {
    Tier.SMALL: types.ThinkingLevel.LOW,
    Tier.MAIN: types.ThinkingLevel.MEDIUM,
    Tier.LONG: types.ThinkingLevel.MEDIUM,
}
_FILTERED = frozenset(
    {"BLOCKLIST", "IMAGE_SAFETY", "LANGUAGE", "MODEL_ARMOR", "PROHIBITED_CONTENT", "RECITATION", "SAFETY", "SPII"}
)
_ACCOUNT = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED", "FAILED_PRECONDITION"})


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, finished or not, and what it cost."""

    text: str
    stop: str  # Google's reason, or BLOCKED when it did not begin to answer
    input_tokens: int
    output_tokens: int


class GeminiModel:
    """One project. Safe to share between threads."""

    def __init__(self, connection: ConnectionFacts) -> None:
        self._models = {tier: connection.setting(f"model_{tier}") for tier in Tier}
        self._embedding = connection.setting("model_embedding")
        self._calls = Calls(connection, _translated)
        options = types.HttpOptions(
            base_url=connection.setting("base_url").rstrip("/"), api_version=connection.setting("api_version")
        )
        self._sdk = genai.Client(api_key=connection.secret("api_key"), http_options=options)

    def close(self) -> None:
        """Close its connections."""
        self._sdk.close()

    def complete(self, question: Question) -> Completion:
        """The answer to a question. An answer that is refused, cut off or of another shape was paid for all the same, and is in the ledger."""
        model = self._models[question.tier]

        def attempt(seconds: float) -> Answered:
            config = types.GenerateContentConfig(
                system_instruction=question.system,
                max_output_tokens=question.most_tokens,
                response_mime_type=None if question.shape is None else "application/json",
                response_json_schema=None if question.shape is None else wire_schema(question.shape),
                thinking_config=types.ThinkingConfig(thinking_level=EFFORT[question.tier]),
                http_options=_within(seconds),
            )
            return read_answer(self._sdk.models.generate_content(model=model, contents=question.text, config=config))

        answered = self._calls.run(
            "complete",
            attempt,
            tokens=question.tokens,
            used=lambda answer: {f"{model} input": answer.input_tokens, f"{model} output": answer.output_tokens},
        )
        if answered.stop == "MAX_TOKENS":
            raise AnswerCutOff(SERVICE, "complete", "max_tokens", f"more than {question.most_tokens} tokens")
        if answered.stop in _FILTERED or answered.stop == "BLOCKED":
            raise AnswerRefused(SERVICE, "complete", answered.stop.lower(), "the model refused to answer")
        if answered.stop != "STOP":
            raise UnexpectedResponse(SERVICE, "complete", "finish_reason", answered.stop, accepted_possible=True)
        content = shaped(SERVICE, "complete", answered.text, question.shape)
        return Completion(answered.text, content, model, answered.input_tokens, answered.output_tokens)

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """One vector for each text, in order. Google does not always say how many tokens it read; they are estimated then."""
        model = self._embedding
        roughly = sum(map(rough_tokens, texts))

        def attempt(seconds: float) -> Embeddings:
            config = types.EmbedContentConfig(http_options=_within(seconds))
            contents: Any = [types.Content(role="user", parts=[types.Part(text=text)]) for text in texts]
            answer = self._sdk.models.embed_content(model=model, contents=contents, config=config)
            return _read_vectors(answer, model, len(texts), roughly)

        return self._calls.run("embed", attempt, tokens=roughly, used=lambda answer: {f"{model} input": answer.tokens})

    def first_model(self) -> str:
        """The name of one model that the key may use."""

        def attempt(seconds: float) -> str:
            config = types.ListModelsConfig(page_size=1, http_options=_within(seconds))
            rows = self._sdk.models.list(config=config).page
            if not rows or not rows[0].name:
                raise UnexpectedResponse(SERVICE, "health", "field_missing", "the answer has no models.0.name")
            return rows[0].name.removeprefix("models/")

        return self._calls.run("health", attempt)


def read_answer(content: object) -> Answered:
    """An answer of the API. Raises `UnexpectedResponse` when it lacks what the documentation promises."""
    if isinstance(content, Mapping):
        content = types.GenerateContentResponse.model_validate(content)
    answer = _reading("complete", content)
    read = answer.number("usage_metadata", "prompt_token_count")
    if answer.maybe("prompt_feedback", "block_reason"):
        return Answered("", "BLOCKED", read, 0)
    stop = answer.text("candidates", 0, "finish_reason")
    parts = answer.maybe("candidates", 0, "content", "parts") or []
    text = "".join(str(part.get("text") or "") for part in parts if not part.get("thought"))
    if stop != "STOP":
        written = answer.maybe("usage_metadata", "candidates_token_count") or 0
    else:
        written = answer.number("usage_metadata", "candidates_token_count")
        if not text:
            raise UnexpectedResponse(
                SERVICE, "complete", "field_missing", "the answer has no text", accepted_possible=True
            )
    thought = answer.maybe("usage_metadata", "thoughts_token_count") or 0
    return Answered(text, stop, read, written + thought)


def _read_vectors(content: object, model: str, expected: int, roughly: int) -> Embeddings:
    answer = _reading("embed", content)
    rows = answer.rows("embeddings")
    if len(rows) != expected:
        raise UnexpectedResponse(SERVICE, "embed", "vectors_missing", f"{len(rows)} of {expected} vectors")
    vectors = tuple(answer.vector("embeddings", place, "values") for place in range(expected))
    return Embeddings(model, vectors, answer.maybe("usage_metadata", "prompt_token_count") or roughly)


def _reading(operation: str, content: object) -> Reading:
    dumped = content.model_dump(mode="json", exclude_none=True) if hasattr(content, "model_dump") else content
    return Reading(SERVICE, operation, dumped)


def _within(seconds: float) -> types.HttpOptions:
    return types.HttpOptions(timeout=max(1, int(seconds * 1000)))


def _translated(operation: str, error: Exception) -> IntegrationError | None:
    """Our error for the SDK's; None for what is no failure of Gemini, and for broken connections."""
    if isinstance(error, errors.APIError):
        return _status_error(operation, error)
    if isinstance(error, errors.UnknownApiResponseError | json.JSONDecodeError | ValidationError | UnicodeDecodeError):
        return UnexpectedResponse(SERVICE, operation, "not_understood", type(error).__name__, accepted_possible=True)
    return None


def _status_error(operation: str, error: errors.APIError) -> IntegrationError:
    code = str(error.status or f"http_{error.code}")
    text = str(error.message or "")
    details = list(_details(error.details))
    if error.code == 429:
        named = next((each["retryDelay"] for each in details if "retryDelay" in each), "")
        headers = getattr(error.response, "headers", None) or {}
        wait = seconds_of(str(named).removesuffix("s") or headers.get("retry-after"), DEFAULT_WAIT)
        return RateLimited(SERVICE, operation, code, text, retry_after=wait)
    if error.code >= 500:
        return TemporaryFailure(SERVICE, operation, code, text, accepted_possible=error.code != 503)
    if not (isinstance(error.details, Mapping) and isinstance(error.details.get("error"), Mapping)):
        return UnexpectedResponse(SERVICE, operation, f"http_{error.code}", "the answer is not Google's")
    if code in _ACCOUNT or any(each.get("reason") == "API_KEY_INVALID" for each in details):
        return AuthenticationFailed(SERVICE, operation, code, text)
    if "token count" in text and "exceeds" in text:
        return ContextTooLong(SERVICE, operation, code, text)
    return Refused(SERVICE, operation, code, text)


def _details(body: object) -> Iterator[Mapping[str, Any]]:
    inner = body.get("error") if isinstance(body, Mapping) else None
    for each in (inner.get("details") if isinstance(inner, Mapping) else None) or ():
        if isinstance(each, Mapping):
            yield each


def build(connection: ConnectionFacts) -> GeminiModel:
    """The client for one connection. Raises `NotConfigured`."""
    return GeminiModel(connection)
