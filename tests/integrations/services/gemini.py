"""Google Gemini."""

from integrations.capabilities.language.model import ContextTooLong
from integrations.errors import AuthenticationFailed, RateLimited, Refused, TemporaryFailure
from tests.integrations.services.cases import Case, Contract, connection, equals
from tests.integrations.services.models import ASKED, JUDGED, answered, embedded

CONTRACT = Contract(
    slug="gemini",
    connect=lambda sandbox: connection("gemini", sandbox, {"api_key": "AIzaSySandbox"}),
    refused_operation="complete",
    refusals={
        "INVALID_ARGUMENT": Refused,
        "TOO_MANY_TOKENS": ContextTooLong,
        "API_KEY_INVALID": AuthenticationFailed,
        "FAILED_PRECONDITION": AuthenticationFailed,
        "UNAUTHENTICATED": AuthenticationFailed,
        "PERMISSION_DENIED": AuthenticationFailed,
        "NOT_FOUND": Refused,
        "RESOURCE_EXHAUSTED": RateLimited,
        "INTERNAL": TemporaryFailure,
        "UNAVAILABLE": TemporaryFailure,
    },
    cases=(
        Case(
            "complete",
            lambda client: (client.complete(ASKED), client.complete(JUDGED)),
            answered,
            required=(
                "candidates",
                "candidates[].content",
                "candidates[].finishReason",
                "usageMetadata.promptTokenCount",
                "usageMetadata.candidatesTokenCount",
            ),
            is_live=True,
        ),
        Case(
            "embed",
            lambda client: client.embed(["first", "second", "first"]),
            embedded("gemini-embedding-2", 3072, 7),
            required=("embeddings", "embeddings[].values"),
        ),
        Case(
            "health",
            lambda client: client.first_model(),
            equals("gemini-3.8-flash"),
            required=("models", "models[].name"),
            is_live=True,
        ),
    ),
)
