"""OpenAI."""

from integrations.capabilities.language.model import AnswerRefused, ContextTooLong
from integrations.errors import AuthenticationFailed, RateLimited, Refused, TemporaryFailure
from integrations.openai.client import Picture
from tests.integrations.services.cases import Case, Contract, connection, equals
from tests.integrations.services.models import ASKED, JUDGED, answered, embedded


def painted(picture: Picture) -> None:
    assert picture.content.startswith(b"\x89PNG\r\n\x1a\n")
    assert (picture.content_type, picture.model) == ("image/png", "gpt-image-2.6-flare")
    assert (picture.input_tokens, picture.output_tokens) == (3, 272)


CONTRACT = Contract(
    slug="openai",
    connect=lambda sandbox: connection("openai", sandbox, {"api_key": "sk-proj-sandbox"}),
    refused_operation="complete",
    refusals={
        "invalid_value": Refused,
        "context_length_exceeded": ContextTooLong,
        "moderation_blocked": AnswerRefused,
        "billing_hard_limit_reached": AuthenticationFailed,
        "invalid_api_key": AuthenticationFailed,
        "unsupported_country_region_territory": AuthenticationFailed,
        "missing_scope": AuthenticationFailed,
        "model_not_found": Refused,
        "rate_limit_exceeded": RateLimited,
        "insufficient_quota": AuthenticationFailed,
        "server_error": TemporaryFailure,
        "slow_down": TemporaryFailure,
    },
    cases=(
        Case(
            "complete",
            lambda client: (client.complete(ASKED), client.complete(JUDGED)),
            answered,
            required=("status", "output", "output[].content", "usage.input_tokens", "usage.output_tokens"),
            is_live=True,
        ),
        Case(
            "embed",
            lambda client: client.embed(["first", "second", "first"]),
            embedded("text-embedding-3-small", 1536, 6),
            required=("data", "data[].embedding", "data[].index", "usage.prompt_tokens"),
        ),
        Case(
            "generate_image",
            lambda client: client.generate_image("A red apple"),
            painted,
            required=("data", "data[].b64_json", "usage.input_tokens", "usage.output_tokens"),
        ),
        Case(
            "health",
            lambda client: client.first_model(),
            equals("gpt-6-sol"),
            required=("data", "data[].id"),
            is_live=True,
        ),
    ),
)
