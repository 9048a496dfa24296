"""Anthropic."""

from integrations.capabilities.language.model import ContextTooLong
from integrations.errors import AuthenticationFailed, RateLimited, Refused, TemporaryFailure
from tests.integrations.services.cases import Case, Contract, connection, equals
from tests.integrations.services.models import ASKED, JUDGED, answered

CONTRACT = Contract(
    slug="anthropic",
    connect=lambda sandbox: connection("anthropic", sandbox, {"api_key": "sk-ant-sandbox"}),
    refused_operation="complete",
    refusals={
        "invalid_request_error": Refused,
        "credit_balance": AuthenticationFailed,
        "prompt_too_long": ContextTooLong,
        "authentication_error": AuthenticationFailed,
        "billing_error": AuthenticationFailed,
        "permission_error": AuthenticationFailed,
        "not_found_error": Refused,
        "request_too_large": ContextTooLong,
        "rate_limit_error": RateLimited,
        "api_error": TemporaryFailure,
        "overloaded_error": TemporaryFailure,
    },
    cases=(
        Case(
            "complete",
            lambda client: (client.complete(ASKED), client.complete(JUDGED)),
            answered,
            required=("content", "content[].text", "stop_reason", "usage.input_tokens", "usage.output_tokens"),
            is_live=True,
        ),
        Case(
            "health",
            lambda client: client.first_model(),
            equals("claude-opus-5-5"),
            required=("data", "data[].id"),
            is_live=True,
        ),
    ),
)
