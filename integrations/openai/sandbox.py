"""OpenAI, imitated: responses, embeddings, pictures and models, with its errors. Mounted at `/openai`.

Answers come from the sandbox's seed and the question; a question with `[refuse]` in it is refused.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from integrations.sandbox.imitation import Imitation, known_fields
from integrations.sandbox.model_answers import REFUSE, answer_to, cut, is_strict, picture_of, tokens_in, vector_of
from integrations.sandbox.routes import Routes
from integrations.sandbox.wire import BadBody, Request, Response, json_response
from integrations.sandbox.world import World

MODELS = ("gpt-6-sol", "gpt-6-luna", "gpt-5.4-mini")
EMBEDDING = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072}
IMAGE = ("gpt-image-2.6-flare", "gpt-image-2.6-sunburst", "gpt-image-2")
SIZES = ("auto", "1024x1024", "1024x1536", "1536x1024")
MOST_TEXTS = 2048
# code → (status, type, message)
ERRORS: Mapping[str, tuple[int, str, str]] = {
    "invalid_value": (400, "invalid_request_error", "Invalid value."),
    "context_length_exceeded": (400, "invalid_request_error", "Your input exceeds the context window of this model."),
    "moderation_blocked": (400, "image_generation_user_error", "Your request was rejected by the safety system."),
    "billing_hard_limit_reached": (400, "billing_limit_user_error", "Billing hard limit has been reached."),
    "invalid_api_key": (401, "invalid_request_error", "Incorrect API key provided."),
    "unsupported_country_region_territory": (403, "request_forbidden", "Country, region, or territory not supported."),
    "missing_scope": (403, "invalid_request_error", "You have insufficient permissions for this operation."),
    "model_not_found": (404, "invalid_request_error", "The model does not exist or you do not have access to it."),
    "rate_limit_exceeded": (429, "requests", "Rate limit reached for requests."),
    "insufficient_quota": (429, "insufficient_quota", "You exceeded your current quota, please check your plan."),
    "server_error": (500, "server_error", "The server had an error while processing your request."),
    "slow_down": (503, "service_unavailable_error", "Slow down."),
}


@dataclass(slots=True)
class Project:
    """One project with its key; `context_tokens` is how much its models read."""

    name: str = "sandbox"
    api_key: str = "sk-proj-sandbox"
    context_tokens: int = 272_000


class OpenAISandbox(Imitation):
    """The service."""

    slug = "openai"
    title = "OpenAI"
    routes = Routes(
        ("POST", "/responses", "complete"),
        ("POST", "/embeddings", "embed"),
        ("POST", "/images/generations", "generate_image"),
        ("GET", "/models", "health"),
    )

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._projects: dict[str, Project] = {}
        self.open_account({})

    def answer(self, operation: str, arguments: tuple[str, ...], request: Request) -> Response:
        """See Imitation."""
        project = next((each for each in self._projects.values() if each.api_key == request.bearer), None)
        if project is None:
            return self.refusal("invalid_api_key")
        if operation == "health":
            rows = [{"id": name, "object": "model", "created": 1_790_000_000, "owned_by": "system"} for name in MODELS]
            return json_response(200, {"object": "list", "data": rows})
        try:
            given = request.json()
        except BadBody:
            given = None
        if not isinstance(given, dict):
            return self._error("invalid_value", "We could not parse the JSON body of your request.")
        match operation:
            case "embed":
                return self._embed(given)
            case "generate_image":
                return self._picture(given)
        return self._respond(project, given)

    def _respond(self, project: Project, given: Mapping[str, Any]) -> Response:
        if given.get("model") not in MODELS:
            return self.refusal("model_not_found")
        question = str(given.get("instructions") or "") + str(given.get("input") or "")
        if not question:
            return self._error("invalid_value", "Missing required parameter: 'input'.")
        form = (given.get("text") or {}).get("format") or {}
        schema = form.get("schema")
        if schema is not None and form.get("strict") and not is_strict(schema):
            return self._error("invalid_value", "Invalid schema for response_format: 'required' must name every key.")
        read = tokens_in(question)
        if read > project.context_tokens:
            return self.refusal("context_length_exceeded")
        text = answer_to(self.world.settings.seed, question, schema)
        text, is_cut = cut(text, int(given.get("max_output_tokens") or 100_000))
        part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        if REFUSE in question:
            part, is_cut = {"type": "refusal", "refusal": "I'm sorry, but I can't help with that."}, False
        status = "incomplete" if is_cut else "completed"
        message = {"id": f"msg_{self.world.new_id(12).hex()}", "type": "message", "status": status, "role": "assistant"}
        return json_response(
            200,
            {
                "id": f"resp_{self.world.new_id(12).hex()}",
                "object": "response",
                "created_at": int(time.time()),
                "status": status,
                "error": None,
                "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
                "instructions": given.get("instructions"),
                "max_output_tokens": given.get("max_output_tokens"),
                "model": given["model"],
                "output": [
                    {"id": f"rs_{self.world.new_id(12).hex()}", "type": "reasoning", "summary": []},
                    {**message, "content": [part]},
                ],
                "store": given.get("store", True),
                "usage": {
                    "input_tokens": read,
                    "input_tokens_details": {"cached_tokens": 0},
                    "output_tokens": tokens_in(text),
                    "output_tokens_details": {"reasoning_tokens": 0},
                    "total_tokens": read + tokens_in(text),
                },
            },
        )

    def _embed(self, given: Mapping[str, Any]) -> Response:
        size = EMBEDDING.get(str(given.get("model")))
        if size is None:
            return self.refusal("model_not_found")
        asked = given.get("input")
        texts = [asked] if isinstance(asked, str) else asked
        if not isinstance(texts, list) or not texts or len(texts) > MOST_TEXTS or "" in texts:
            return self._error("invalid_value", "'$.input' is invalid.")
        rows = [
            {"object": "embedding", "index": index, "embedding": vector_of(self.world.settings.seed, str(text), size)}
            for index, text in enumerate(texts)
        ]
        used = sum(tokens_in(str(text)) for text in texts)
        usage = {"prompt_tokens": used, "total_tokens": used}
        return json_response(200, {"object": "list", "data": rows, "model": given["model"], "usage": usage})

    def _picture(self, given: Mapping[str, Any]) -> Response:
        if given.get("model") not in IMAGE:
            return self.refusal("model_not_found")
        prompt = str(given.get("prompt") or "")
        if not prompt or given.get("size", "auto") not in SIZES:
            return self._error("invalid_value", "Invalid value: 'size' or 'prompt'.")
        if REFUSE in prompt:
            return self.refusal("moderation_blocked")
        picture = base64.b64encode(picture_of(self.world.settings.seed, prompt)).decode()
        read = tokens_in(prompt)
        usage = {"input_tokens": read, "output_tokens": 272, "total_tokens": read + 272}
        details = {"input_tokens_details": {"text_tokens": read, "image_tokens": 0}}
        content = {"created": int(time.time()), "output_format": "png", "data": [{"b64_json": picture}]}
        return json_response(200, {**content, "usage": {**usage, **details}})

    def _error(self, code: str, text: str = "") -> Response:
        status, kind, usual = ERRORS[code]
        identity = (("x-request-id", f"req_{self.world.new_id(12).hex()}"),)
        return json_response(
            status, {"error": {"message": text or usual, "type": kind, "param": None, "code": code}}, identity
        )

    def unknown_route(self, request: Request) -> Response:
        """See Imitation."""
        text = f"Invalid URL ({request.method} {request.path})"
        return json_response(
            404, {"error": {"message": text, "type": "invalid_request_error", "param": None, "code": None}}
        )

    def rate_limited(self, retry_after: float) -> Response:
        """See Imitation."""
        refused = self._error("rate_limit_exceeded")
        return replace(refused, headers=(*refused.headers, ("retry-after", str(max(1, round(retry_after))))))

    def broken(self) -> Response:
        """See Imitation."""
        return self._error("server_error")

    def refusal(self, code: str) -> Response:
        """See Imitation."""
        return self._error(code)

    def codes(self) -> Collection[str]:
        """See Imitation."""
        return ERRORS.keys()

    def missing_scope(self, operation: str) -> Response | None:
        """See Imitation."""
        return self._error("missing_scope")

    def open_account(self, given: dict[str, Any]) -> dict[str, Any]:
        """See Imitation."""
        project = Project(**known_fields(Project, given))
        self._projects[project.name] = project
        return asdict(project)

    def accounts(self) -> list[dict[str, Any]]:
        """See Imitation."""
        return [asdict(project) for project in self._projects.values()]


IMITATIONS = (OpenAISandbox,)
