"""Claude through Anthropic's own SDK. Its retries are off: what may be repeated is decided in `calling`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anthropic

from integrations.calling.calls import Calls
from integrations.capabilities.language.model import (
    AnswerCutOff,
    AnswerRefused,
    Completion,
    ContextTooLong,
    Question,
    Tier,
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

SERVICE = "anthropic"
DEFAULT_WAIT = 30.0  # seconds, when a 429 names none
# How much the model thinks before it answers; thinking counts as output.
EFFORT = {Tier.SMALL: "low", Tier.MAIN: "medium", Tier.LONG: "medium"}


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, finished or not, and what it cost."""

    text: str
    stop: str
    input_tokens: int
    output_tokens: int


class AnthropicModel:
    """One workspace. Safe to share between threads."""

    def __init__(self, connection: ConnectionFacts) -> None:
        self._models = {tier: connection.setting(f"model_{tier}") for tier in Tier}
        self._calls = Calls(connection, _translated)
        self._sdk = anthropic.Anthropic(
            api_key=connection.secret("api_key"), base_url=connection.setting("base_url").rstrip("/"), max_retries=0
        )

    def close(self) -> None:
        """Close its connections."""
        self._sdk.close()

    def complete(self, question: Question) -> Completion:
        """The answer to a question. An answer that is refused, cut off or of another shape was paid for all the same, and is in the ledger."""
        model = self._models[question.tier]
        config: dict[str, Any] = {"effort": EFFORT[question.tier]}
        if question.shape is not None:
            config["format"] = {"type": "json_schema", "schema": wire_schema(question.shape)}
        asked: dict[str, Any] = {
            "model": model,
            "max_tokens": question.most_tokens,
            "system": question.system,
            "messages": [{"role": "user", "content": question.text}],
            "output_config": config,
        }

        ask = self._sdk.messages.create

        def attempt(seconds: float) -> Answered:
            return read_answer(ask(**asked, timeout=seconds))

        answered = self._calls.run(
            "complete",
            attempt,
            tokens=question.tokens,
            used=lambda answer: {f"{model} input": answer.input_tokens, f"{model} output": answer.output_tokens},
        )
        match answered.stop:
            case "end_turn" | "stop_sequence":
                pass
            case "refusal":
                raise AnswerRefused(SERVICE, "complete", "refusal", "the model refused to answer")
            case "max_tokens":
                raise AnswerCutOff(SERVICE, "complete", "max_tokens", f"more than {question.most_tokens} tokens")
            case "model_context_window_exceeded":
                raise ContextTooLong(SERVICE, "complete", answered.stop, "the question is too long for the model")
            case _:
                raise UnexpectedResponse(SERVICE, "complete", "stop_reason", answered.stop, accepted_possible=True)
        content = shaped(SERVICE, "complete", answered.text, question.shape)
        return Completion(answered.text, content, model, answered.input_tokens, answered.output_tokens)

    def first_model(self) -> str:
        """The name of the newest model that the key may use."""

        def attempt(seconds: float) -> str:
            # As it came: the SDK's list of pages falls over an answer that is no JSON.
            answer = self._sdk.models.with_raw_response.list(limit=1, timeout=seconds)
            return Reading(SERVICE, "health", answer.http_response.json()).text("data", 0, "id")

        return self._calls.run("health", attempt)


def read_answer(message: object) -> Answered:
    """A message of the API. Raises `UnexpectedResponse` when it lacks what the documentation promises."""
    answer = Reading(SERVICE, "complete", message)
    stop = answer.text("stop_reason")
    blocks = answer.rows("content")
    text = "".join(str(block.get("text") or "") for block in blocks if block.get("type") == "text")
    if not text and stop == "end_turn":
        raise UnexpectedResponse(SERVICE, "complete", "field_missing", "the answer has no text", accepted_possible=True)
    return Answered(text, stop, answer.number("usage", "input_tokens"), answer.number("usage", "output_tokens"))


def _translated(operation: str, error: Exception) -> IntegrationError | None:
    """Our error for the SDK's; None for what is no failure of Anthropic, and for broken connections."""
    if isinstance(error, anthropic.APIConnectionError):
        return None
    if isinstance(error, anthropic.APIStatusError):
        return _status_error(operation, error)
    if isinstance(error, anthropic.AnthropicError | json.JSONDecodeError):
        return UnexpectedResponse(SERVICE, operation, "not_understood", type(error).__name__, accepted_possible=True)
    return None


def _status_error(operation: str, error: anthropic.APIStatusError) -> IntegrationError:
    status = error.status_code
    body = error.body
    inner = body.get("error") if isinstance(body, Mapping) else None
    kind = str(inner.get("type") or "") if isinstance(inner, Mapping) else ""
    text = str(inner.get("message") or "") if isinstance(inner, Mapping) else ""
    if status == 429:
        wait = seconds_of(error.response.headers.get("retry-after"), DEFAULT_WAIT)
        return RateLimited(SERVICE, operation, kind or "rate_limit_error", text, retry_after=wait)
    if status == 529 or kind == "overloaded_error":
        return TemporaryFailure(SERVICE, operation, "overloaded_error", text, accepted_possible=False)
    if status >= 500:
        return TemporaryFailure(SERVICE, operation, kind or f"http_{status}", text, accepted_possible=True)
    if not kind:
        return UnexpectedResponse(SERVICE, operation, f"http_{status}", "the answer is not Anthropic's")
    if status in (401, 402, 403) or "credit balance is too low" in text:
        return AuthenticationFailed(SERVICE, operation, kind, text)
    if status == 413 or "prompt is too long" in text:
        return ContextTooLong(SERVICE, operation, kind, text)
    return Refused(SERVICE, operation, kind, text)


def build(connection: ConnectionFacts) -> AnthropicModel:
    """The client for one connection. Raises `NotConfigured`."""
    return AnthropicModel(connection)
