"""What Meta's Graph error codes mean: `meta_failure` for messages (the Cloud API and Evolution's Business channel), `graph_failure` for the rest.

Codes: docs of the WhatsApp Business Platform and the Marketing API as of 2026-11; a code that is not listed is a refusal of this one request.
"""

from collections.abc import Mapping
from typing import Any

from integrations.errors import (
    AuthenticationFailed,
    IntegrationError,
    RateLimited,
    Refused,
    SuppressReason,
    TemporaryFailure,
)
from integrations.http import HttpResponse

SUPPRESS: Mapping[int, SuppressReason] = {
    131026: SuppressReason.UNREGISTERED,  # undeliverable: no WhatsApp, terms not accepted, client too old
    131050: SuppressReason.OPTED_OUT,  # the person stopped marketing messages
}

# The account as a whole cannot send: token, permission, lock, policy block, billing, display name, not registered.
_ACCOUNT = frozenset({0, 3, 10, 190, 368, 131005, 131031, 131037, 131042, 133010, *range(200, 300)})

# Too fast: code → seconds to wait when the answer does not say. 80000 to 80014 are the limits of one business use case each.
_RATE: Mapping[int, float] = {
    **dict.fromkeys(range(80000, 80015), 300.0),
    4: 60.0,  # the app as a whole
    17: 300.0,  # the ad account (with subcode 2446079)
    32: 300.0,  # the page
    341: 300.0,
    613: 60.0,  # the ad account, or a jump in volume (subcode 1996)
    80007: 60.0,
    130429: 5.0,
    131064: 3600.0,
}

# Meta holds back marketing: asking again within a day makes it worse, whatever the HTTP status.
_HELD_BACK = frozenset({131048, 131049})

PAIR_RATE = 131056  # too many messages from this sender to this one person
PAIR_SECONDS = 6.0

_NOT_NOW = frozenset({2, 131016, 131057})  # service down or under maintenance: said before anything was sent
_UNCLEAR = frozenset({1, 131000})  # "something went wrong": with a 5xx it may have gone out all the same
_TRANSIENT = frozenset({1, 2})  # of the Marketing API, which gives no hint whether anything was created
_SESSION = 102  # the token is dead


def meta_failure(response: HttpResponse, error: Mapping[str, Any]) -> IntegrationError:
    """Our error for the `error` object of a Graph answer."""
    service, operation = response.service, response.operation
    code = _number(error.get("code"))
    details = error.get("error_data")
    text = str((details.get("details") if isinstance(details, Mapping) else "") or error.get("message") or "")
    name = str(code) if code >= 0 else f"http_{response.status}"
    if code == PAIR_RATE:
        wait = response.retry_after(PAIR_SECONDS)
        return RateLimited(service, operation, name, text, retry_after=wait, scope="recipient")
    if code in _HELD_BACK:
        return Refused(service, operation, name, text)
    if code in _RATE or response.status == 429:
        return RateLimited(service, operation, name, text, retry_after=response.retry_after(_RATE.get(code, 5.0)))
    if code in _ACCOUNT or response.status == 401:
        return AuthenticationFailed(service, operation, name, text)
    if code in _NOT_NOW:
        return TemporaryFailure(service, operation, name, text, accepted_possible=False)
    if code in _UNCLEAR or response.status >= 500:
        return TemporaryFailure(service, operation, name, text, accepted_possible=response.status >= 500)
    if response.status == 403:
        return AuthenticationFailed(service, operation, name, text)
    return Refused(service, operation, name, text, suppress=SUPPRESS.get(code))


def graph_failure(
    service: str, operation: str, status: int, error: Mapping[str, Any], *, wait: float = 0.0
) -> IntegrationError:
    """Our error for the `error` object of an answer about ads, pages or pixels; `wait` is what the usage headers ask for, in seconds.

    The code is written with its subcode ("17/2446079"), the text ends with Meta's trace id, which its support asks for.
    """
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    name = str(code) if code >= 0 else f"http_{status}"
    if subcode > 0:
        name = f"{name}/{subcode}"
    words = str(error.get("error_user_msg") or error.get("message") or "")
    trace = str(error.get("fbtrace_id") or "")
    text = f"{words[:220]} (trace {trace})" if trace else words
    if code in _RATE or status == 429:
        return RateLimited(service, operation, name, text, retry_after=wait or _RATE.get(code, 60.0))
    if code in _ACCOUNT or code == _SESSION or status == 401:
        return AuthenticationFailed(service, operation, name, text)
    if code in _TRANSIENT or error.get("is_transient") is True or status >= 500:
        return TemporaryFailure(service, operation, name, text, accepted_possible=True)
    if status == 403:
        return AuthenticationFailed(service, operation, name, text)
    return Refused(service, operation, name, text)


def _number(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return -1
