"""Anthropic, imitated: messages and models, with its rules about parameters and its errors. Mounted at `/anthropic`.

Answers come from the sandbox's seed and the question; a question with `[refuse]` in it is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from integrations.sandbox.imitation import Imitation, known_fields
from integrations.sandbox.model_answers import REFUSE, answer_to, cut, is_strict, tokens_in
from integrations.sandbox.routes import Routes
from integrations.sandbox.wire import BadBody, Request, Response, json_response
from integrations.sandbox.world import World

MODELS = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-haiku-4-5")
SAMPLING = ("temperature", "top_p", "top_k")
ERRORS: Mapping[str, tuple[int, str]] = {
    "invalid_request_error": (400, "messages: at least one message is required"),
    "credit_balance": (400, "Your credit balance is too low to access the Anthropic API."),
    "prompt_too_long": (400, "prompt is too long: 1000001 tokens > 1000000 maximum"),
    "authentication_error": (401, "invalid x-api-key"),
    "billing_error": (402, "There is an issue with your billing."),
    "permission_error": (403, "Your API key does not have permission to use the specified resource."),
    "not_found_error": (404, "model: claude-none"),
    "request_too_large": (413, "Request exceeds the maximum allowed number of bytes."),
    "rate_limit_error": (429, "This request would exceed the rate limit for your organization."),
    "api_error": (500, "Internal server error"),
    "overloaded_error": (529, "Overloaded"),
}
# Names of ours for two meanings that Anthropic both calls invalid_request_error.
TYPES = {"credit_balance": "invalid_request_error", "prompt_too_long": "invalid_request_error"}


@dataclass(slots=True)
class Workspace:
    """One workspace with its key; `context_tokens` is how much its models read."""

    name: str = "sandbox"
    api_key: str = "sk-ant-sandbox"
    context_tokens: int = 200_000


class AnthropicSandbox(Imitation):
    """The service."""

    slug = "anthropic"
    title = "Anthropic"
    routes = Routes(("POST", "/v1/messages", "complete"), ("GET", "/v1/models", "health"))

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._workspaces: dict[str, Workspace] = {}
        self.open_account({})

    def answer(self, operation: str, arguments: tuple[str, ...], request: Request) -> Response:
        """See Imitation."""
        key = request.headers.get("x-api-key") or request.bearer
        workspace = next((each for each in self._workspaces.values() if each.api_key == key), None)
        if workspace is None:
            return self.refusal("authentication_error")
        if operation == "health":
            rows = [
                {"type": "model", "id": name, "display_name": name, "created_at": "2026-09-28T00:00:00Z"}
                for name in MODELS
            ]
            return json_response(200, {"data": rows, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]})
        try:
            given = request.json()
        except BadBody:
            given = None
        if not isinstance(given, dict):
            return self._error("invalid_request_error", "The request body is not valid JSON.")
        return self._wrong(given) or self._message(workspace, given)

    def _wrong(self, given: Mapping[str, Any]) -> Response | None:
        """What Anthropic finds wrong with a request."""
        for name in ("model", "max_tokens", "messages"):
            if not given.get(name):
                return self._error("invalid_request_error", f"{name}: Field required")
        for name in SAMPLING:
            if name in given:
                return self._error("invalid_request_error", f"{name}: this parameter is not supported")
        if given["model"] not in MODELS:
            return self._error("not_found_error", f"model: {given['model']}")
        wanted = (given.get("output_config") or {}).get("format")
        if wanted is not None and (wanted.get("type") != "json_schema" or not is_strict(wanted.get("schema"))):
            text = (
                "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
            )
            return self._error("invalid_request_error", text)
        return None

    def _message(self, workspace: Workspace, given: Mapping[str, Any]) -> Response:
        question = str(given.get("system") or "") + "".join(str(each.get("content")) for each in given["messages"])
        read = tokens_in(question)
        if read > workspace.context_tokens:
            text = f"prompt is too long: {read} tokens > {workspace.context_tokens} maximum"
            return self._error("invalid_request_error", text)
        schema = ((given.get("output_config") or {}).get("format") or {}).get("schema")
        text, is_cut = cut(answer_to(self.world.settings.seed, question, schema), int(given["max_tokens"]))
        stop = "max_tokens" if is_cut else "end_turn"
        content = [{"type": "thinking", "thinking": "", "signature": "c2FuZGJveA=="}, {"type": "text", "text": text}]
        details = None
        if REFUSE in question:
            stop, content, text = "refusal", [], ""
            details = {"type": "refusal", "category": "general_harms", "explanation": None}
        return json_response(
            200,
            {
                "id": f"msg_{self.world.new_id(12).hex()}",
                "type": "message",
                "role": "assistant",
                "model": given["model"],
                "content": content,
                "stop_reason": stop,
                "stop_details": details,
                "stop_sequence": None,
                "usage": {
                    "input_tokens": read,
                    "output_tokens": tokens_in(text),
                    "cache_creation_input_tokens": 0,
                    "cache_read_input_tokens": 0,
                    "service_tier": "standard",
                },
            },
            (("request-id", f"req_{self.world.new_id(12).hex()}"),),
        )

    def _error(self, code: str, text: str = "") -> Response:
        status, usual = ERRORS[code]
        identity = f"req_{self.world.new_id(12).hex()}"
        inner = {"type": TYPES.get(code, code), "message": text or usual}
        return json_response(
            status, {"type": "error", "error": inner, "request_id": identity}, (("request-id", identity),)
        )

    def unknown_route(self, request: Request) -> Response:
        """See Imitation."""
        return self._error("not_found_error", "Not found")

    def rate_limited(self, retry_after: float) -> Response:
        """See Imitation."""
        refused = self._error("rate_limit_error")
        return replace(refused, headers=(*refused.headers, ("retry-after", str(max(1, round(retry_after))))))

    def broken(self) -> Response:
        """See Imitation."""
        return self._error("api_error")

    def refusal(self, code: str) -> Response:
        """See Imitation."""
        return self._error(code)

    def codes(self) -> Collection[str]:
        """See Imitation."""
        return ERRORS.keys()

    def missing_scope(self, operation: str) -> Response | None:
        """See Imitation."""
        return self._error("permission_error")

    def open_account(self, given: dict[str, Any]) -> dict[str, Any]:
        """See Imitation."""
        workspace = Workspace(**known_fields(Workspace, given))
        self._workspaces[workspace.name] = workspace
        return asdict(workspace)

    def accounts(self) -> list[dict[str, Any]]:
        """See Imitation."""
        return [asdict(workspace) for workspace in self._workspaces.values()]


IMITATIONS = (AnthropicSandbox,)
