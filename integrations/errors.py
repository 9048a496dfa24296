"""What can go wrong with an external service, each error named by what the caller must do about it.

=====================  ==========================================================
`NotConfigured`        skip: a setting or a connection is missing
`TemporaryFailure`     retry later, but only when `accepted_possible` is False or the provider dedupes
`RateLimited`          retry after `retry_after` seconds
`AuthenticationFailed` stop this connection and alert a person
`Refused`              record it, never retry; suppress the address when `suppress` says so
`AcceptedBefore`       never send again: an earlier attempt was accepted, and only its answer is lost
`UnexpectedResponse`   alert: the service answered something its documentation does not say
=====================  ==========================================================

No message carries a secret: texts come from the service's answer, shortened and passed through `clean_text`.
"""

import enum
import re
from typing import Literal

from agency.kit.secrecy import without_secrets

MAX_TEXT = 300
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")

RateScope = Literal["sender", "recipient"]


class SuppressReason(enum.StrEnum):
    """Why an address must not be written to again on this channel; the values are stored by the suppression list."""

    HARD_BOUNCE = "hard_bounce"  # the mailbox does not exist
    UNREGISTERED = "unregistered"  # the number has no account on this channel
    INVALID_ADDRESS = "invalid_address"  # the address can never be valid
    OPTED_OUT = "opted_out"  # the person told the provider to stop
    COMPLAINED = "complained"  # the person reported the message as spam
    PROVIDER_BLOCKED = "provider_blocked"  # the provider itself keeps the address on its suppression list


def clean_text(text: str) -> str:
    """One printable line of at most `MAX_TEXT` characters, with opened secrets and anything like a credential masked."""
    return _CONTROL.sub(" ", without_secrets(text)).strip()[:MAX_TEXT]


class IntegrationError(Exception):
    """Base of all errors of external services.

    `service` is the slug, `operation` what was tried (`send`, `health`), `code` the provider's or our own short code
    and `text` one line for a person.
    """

    def __init__(self, service: str, operation: str, code: str = "", text: str = "") -> None:
        self.service = service
        self.operation = operation
        self.code = clean_text(code)
        self.text = clean_text(text)
        super().__init__(service, operation, self.code, self.text)

    def __str__(self) -> str:
        what = f"{self.service} {self.operation}"
        detail = " ".join(part for part in (self.code, self.text) if part)
        return f"{what}: {detail}" if detail else what


class NotConfigured(IntegrationError):
    """A setting, a secret or the whole connection is missing or disabled. Skip, and say so."""


class TemporaryFailure(IntegrationError):
    """It may work later.

    `accepted_possible` is True when the provider may have accepted the request all the same (a timeout or a cut
    connection after the request was written): resend only if the provider dedupes. False means surely not accepted.
    """

    def __init__(
        self, service: str, operation: str, code: str = "", text: str = "", *, accepted_possible: bool
    ) -> None:
        self.accepted_possible = accepted_possible
        super().__init__(service, operation, code, text)


class RateLimited(TemporaryFailure):
    """Too fast. Wait `retry_after` seconds; `scope` says whether the whole sender or only this recipient waits."""

    def __init__(
        self,
        service: str,
        operation: str,
        code: str = "",
        text: str = "",
        *,
        retry_after: float,
        scope: RateScope = "sender",
        accepted_possible: bool = False,
    ) -> None:
        self.retry_after = retry_after
        self.scope: RateScope = scope
        super().__init__(service, operation, code, text, accepted_possible=accepted_possible)


class AuthenticationFailed(IntegrationError):
    """The account cannot be used: wrong or expired credentials, a missing permission, blocked, unpaid, quota used up.

    Every further request would fail alike: stop the connection (or the sender) and alert a person. Not accepted.
    """


class Refused(IntegrationError):
    """The provider will never accept this request. Record it; `suppress` is set when the address itself is dead."""

    def __init__(
        self,
        service: str,
        operation: str,
        code: str = "",
        text: str = "",
        *,
        suppress: SuppressReason | None = None,
    ) -> None:
        self.suppress = suppress
        super().__init__(service, operation, code, text)


class AddressDead(Refused):
    """The provider refused because of the address itself, which another provider of the same channel would refuse alike."""


class AcceptedBefore(IntegrationError):
    """The provider knows our key from an earlier attempt, which it accepted with other contents. What became of it status events will tell."""


class UnexpectedResponse(IntegrationError):
    """The answer is not what the documentation promises. Alert; after a 2xx the provider may have accepted."""

    def __init__(
        self, service: str, operation: str, code: str = "", text: str = "", *, accepted_possible: bool = False
    ) -> None:
        self.accepted_possible = accepted_possible
        super().__init__(service, operation, code, text)
