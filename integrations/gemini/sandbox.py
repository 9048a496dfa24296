"""Gemini, imitated: generateContent, embeddings and models, with Google's errors. Mounted at `/gemini`.

Answers come from the sandbox's seed and the question; a question with `[refuse]` in it is stopped by the filter.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from integrations.sandbox.imitation import Imitation, known_fields
from integrations.sandbox.model_answers import REFUSE, answer_to, cut, tokens_in, vector_of
from integrations.sandbox.routes import Routes
from integrations.sandbox.wire import BadBody, Request, Response, json_response
from integrations.sandbox.world import World

MODELS = ("gemini-3.8-flash", "gemini-3.5-flash-lite", "gemini-3.1-flash-lite")
EMBEDDING = {"gemini-embedding-2": 3072, "gemini-embedding-001": 3072}
_GOOGLE = "type.googleapis.com/google.rpc."
# name here → (status, Google's status, message, reason in the details)
ERRORS: Mapping[str, tuple[int, str, str, str]] = {
    "INVALID_ARGUMENT": (400, "INVALID_ARGUMENT", "Request contains an invalid argument.", ""),
    "TOO_MANY_TOKENS": (
        400,
        "INVALID_ARGUMENT",
        "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).",
        "",
    ),
    "API_KEY_INVALID": (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", "API_KEY_INVALID"),
    "FAILED_PRECONDITION": (400, "FAILED_PRECONDITION", "User location is not supported for the API use.", ""),
    "UNAUTHENTICATED": (401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", ""),
    "PERMISSION_DENIED": (403, "PERMISSION_DENIED", "The caller does not have permission.", ""),
    "NOT_FOUND": (404, "NOT_FOUND", "models/gemini-none is not found for API version v1.", ""),
    "RESOURCE_EXHAUSTED": (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", ""),
    "INTERNAL": (500, "INTERNAL", "An internal error has occurred.", ""),
    "UNAVAILABLE": (503, "UNAVAILABLE", "The model is overloaded. Please try again later.", ""),
}


@dataclass(slots=True)
class Project:
    """One project with its key; `context_tokens` is how much its models read."""

    name: str = "sandbox"
    api_key: str = "AIzaSySandbox"
    context_tokens: int = 1_048_576


class GeminiSandbox(Imitation):
    """The service."""

    slug = "gemini"
    title = "Google Gemini"
    routes = Routes(
        ("POST", "/v1(?:beta)?/models/{model}:generateContent", "complete"),
        ("POST", "/v1(?:beta)?/models/{model}:batchEmbedContents", "embed"),
        ("GET", "/v1(?:beta)?/models", "health"),
    )

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._projects: dict[str, Project] = {}
        self.open_account({})

    def answer(self, operation: str, arguments: tuple[str, ...], request: Request) -> Response:
        """See Imitation."""
        key = request.headers.get("x-goog-api-key") or request.query.get("key", "")
        project = next((each for each in self._projects.values() if each.api_key == key), None)
        if project is None:
            return self.refusal("API_KEY_INVALID" if key else "PERMISSION_DENIED")
        if operation == "health":
            most = int(request.query.get("pageSize") or 50)
            rows = [{"name": f"models/{name}", "version": "001", "displayName": name} for name in MODELS[:most]]
            return json_response(200, {"models": rows})
        try:
            given = request.json()
        except BadBody:
            given = None
        if not isinstance(given, dict):
            return self._error("INVALID_ARGUMENT", "Invalid JSON payload received.")
        if operation == "embed":
            return self._embed(arguments[0], given)
        return self._generate(project, arguments[0], given)

    def _generate(self, project: Project, model: str, given: Mapping[str, Any]) -> Response:
        if model not in MODELS:
            return self._error("NOT_FOUND", f"models/{model} is not found for API version v1.")
        if not given.get("contents"):
            return self._error("INVALID_ARGUMENT", "* GenerateContentRequest.contents: contents is not specified")
        config = given.get("generationConfig") or {}
        question = _text(given.get("systemInstruction")) + "".join(map(_text, given["contents"]))
        read = tokens_in(question)
        if read > project.context_tokens:
            text = f"The input token count ({read}) exceeds the maximum number of tokens allowed ({project.context_tokens})."
            return self._error("INVALID_ARGUMENT", text)
        usage: dict[str, Any] = {"promptTokenCount": read, "totalTokenCount": read}
        identity = {"modelVersion": model, "responseId": self.world.new_id(12).hex()}
        if REFUSE in question:
            return json_response(
                200, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": usage, **identity}
            )
        schema = config.get("responseJsonSchema")
        if schema is not None and config.get("responseMimeType") != "application/json":
            return self._error("INVALID_ARGUMENT", "response_json_schema needs response_mime_type application/json")
        text, is_cut = cut(
            answer_to(self.world.settings.seed, question, schema), int(config.get("maxOutputTokens") or 65_536)
        )
        usage |= {"candidatesTokenCount": tokens_in(text), "totalTokenCount": read + tokens_in(text)}
        candidate = {
            "content": {"parts": [{"text": text}], "role": "model"},
            "finishReason": "MAX_TOKENS" if is_cut else "STOP",
            "index": 0,
        }
        return json_response(200, {"candidates": [candidate], "usageMetadata": usage, **identity})

    def _embed(self, model: str, given: Mapping[str, Any]) -> Response:
        size = EMBEDDING.get(model)
        if size is None:
            return self._error("NOT_FOUND", f"models/{model} is not found for API version v1.")
        requests = given.get("requests")
        if not isinstance(requests, list) or not requests:
            return self._error("INVALID_ARGUMENT", "* BatchEmbedContentsRequest.requests: must not be empty")
        seed = self.world.settings.seed
        return json_response(
            200, {"embeddings": [{"values": vector_of(seed, _text(each.get("content")), size)} for each in requests]}
        )

    def _error(self, code: str, text: str = "", retry_delay: str = "") -> Response:
        status, name, usual, reason = ERRORS[code]
        details: list[dict[str, Any]] = []
        if reason:
            details.append({"@type": f"{_GOOGLE}ErrorInfo", "reason": reason, "domain": "googleapis.com"})
        if retry_delay:
            details.append({"@type": f"{_GOOGLE}RetryInfo", "retryDelay": retry_delay})
        inner: dict[str, Any] = {"code": status, "message": text or usual, "status": name}
        return json_response(status, {"error": {**inner, "details": details} if details else inner})

    def unknown_route(self, request: Request) -> Response:
        """See Imitation."""
        return self._error("NOT_FOUND", "Method not found.")

    def rate_limited(self, retry_after: float) -> Response:
        """See Imitation."""
        return self._error("RESOURCE_EXHAUSTED", retry_delay=f"{max(1, round(retry_after))}s")

    def rate_limited_silently(self) -> Response:
        """See Imitation."""
        return self._error("RESOURCE_EXHAUSTED")

    def broken(self) -> Response:
        """See Imitation."""
        return self._error("INTERNAL")

    def refusal(self, code: str) -> Response:
        """See Imitation."""
        return self._error(code)

    def codes(self) -> Collection[str]:
        """See Imitation."""
        return ERRORS.keys()

    def missing_scope(self, operation: str) -> Response | None:
        """See Imitation."""
        return self._error("PERMISSION_DENIED")

    def open_account(self, given: dict[str, Any]) -> dict[str, Any]:
        """See Imitation."""
        project = Project(**known_fields(Project, given))
        self._projects[project.name] = project
        return asdict(project)

    def accounts(self) -> list[dict[str, Any]]:
        """See Imitation."""
        return [asdict(project) for project in self._projects.values()]


def _text(content: Any) -> str:
    parts = content.get("parts") if isinstance(content, dict) else None
    return "".join(str(part.get("text") or "") for part in parts or ())


IMITATIONS = (GeminiSandbox,)
