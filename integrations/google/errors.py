"""What Google's error envelopes mean. Drive says a reason in `errors[]`, Sheets a `status`, the gateway before both a reason in `details[]`."""

from collections.abc import Mapping
from typing import Any

from integrations.errors import (
    AuthenticationFailed,
    IntegrationError,
    RateLimited,
    Refused,
    TemporaryFailure,
    UnexpectedResponse,
)

DEFAULT_WAIT = 30.0  # seconds; Google names none, its quotas are of a minute
DAY_WAIT = 3_600.0

_TOO_FAST = frozenset(
    {"rateLimitExceeded", "userRateLimitExceeded", "sharingRateLimitExceeded", "RESOURCE_EXHAUSTED"}
    | {"RATE_LIMIT_EXCEEDED", "quotaExceeded"}
)
_DAY = frozenset({"dailyLimitExceeded", "dailyLimitExceededUnreg", "uploadLimitExceeded"})
_ACCOUNT = frozenset(
    {"authError", "required", "insufficientPermissions", "accessNotConfigured", "domainPolicy", "UNAUTHENTICATED"}
    | {"ACCESS_TOKEN_SCOPE_INSUFFICIENT", "SERVICE_DISABLED", "storageQuotaExceeded", "teamDriveFileLimitExceeded"}
)


def google_failure(
    service: str, operation: str, status: int, envelope: object, retry_after: float | None = None
) -> IntegrationError:
    """The error for an answer that is no success; `envelope` is its JSON, or None."""
    error = envelope.get("error") if isinstance(envelope, dict) else None
    if not isinstance(error, dict):
        if status == 429:
            return RateLimited(service, operation, "http_429", retry_after=retry_after or DEFAULT_WAIT)
        if status >= 500:
            return TemporaryFailure(service, operation, f"http_{status}", "", accepted_possible=True)
        return UnexpectedResponse(service, operation, f"http_{status}", "the answer is not Google's")
    reasons = _reasons(error)
    code = reasons[0] if reasons else f"http_{status}"
    text = str(error.get("message") or "")
    known = {*reasons}
    if known & _DAY:
        return RateLimited(service, operation, code, text, retry_after=retry_after or DAY_WAIT)
    if status == 429 or (status == 403 and known & _TOO_FAST):
        return RateLimited(service, operation, code, text, retry_after=retry_after or DEFAULT_WAIT)
    if status >= 500:
        return TemporaryFailure(service, operation, code, text, accepted_possible=True)
    if status == 401 or known & _ACCOUNT:
        return AuthenticationFailed(service, operation, code, text)
    if "ABORTED" in known:  # two changes met, and ours was the one not made
        return TemporaryFailure(service, operation, code, text, accepted_possible=False)
    return Refused(service, operation, code, text)


def _reasons(error: Mapping[str, Any]) -> list[str]:
    """Everything that the envelope calls the reason, the most exact first."""
    found: list[object] = []
    for name in ("errors", "details"):
        rows = error.get(name)
        found += [row.get("reason") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    found.append(error.get("status"))
    return [each for each in found if isinstance(each, str) and each]
