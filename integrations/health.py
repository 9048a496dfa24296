"""Whether a connection works, and what a person should do when it does not."""

import enum
from collections.abc import Awaitable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from integrations.errors import (
    AuthenticationFailed,
    IntegrationError,
    NotConfigured,
    RateLimited,
    TemporaryFailure,
)


class HealthState(enum.StrEnum):
    """The three answers of a health check."""

    OK = "ok"
    DEGRADED = "degraded"  # it works, but a person should look
    FAILED = "failed"  # nothing can be sent


@dataclass(frozen=True, slots=True)
class Health:
    """The result of one cheap call. `text` says what a person should do, or what was seen when all is well."""

    state: HealthState
    text: str | Promise = ""


def advice(error: IntegrationError) -> Health:
    """What an error of a health call means for a person."""
    if isinstance(error, NotConfigured):
        return Health(HealthState.FAILED, _("Complete the connection: %(detail)s") % {"detail": error.text})
    if isinstance(error, AuthenticationFailed):
        return Health(
            HealthState.FAILED,
            _("Replace the credentials or unblock the account at the provider: %(detail)s")
            % {"detail": f"{error.code} {error.text}".strip()},
        )
    if isinstance(error, RateLimited):
        return Health(HealthState.DEGRADED, _("The provider asks for fewer requests; it recovers by itself."))
    if isinstance(error, TemporaryFailure):
        return Health(
            HealthState.FAILED,
            _("The service does not answer; check the address and the service's status page: %(detail)s")
            % {"detail": error.text},
        )
    return Health(
        HealthState.FAILED,
        _("Unexpected answer; check the address and the version of the service: %(detail)s")
        % {"detail": f"{error.code} {error.text}".strip()},
    )


def advice_for_link(sender: str, *, is_open: bool, reason: str) -> Health:
    """What the provider's word about the link of one of our senders means for a person."""
    if is_open:
        return Health(HealthState.OK, _("%(sender)s is connected.") % {"sender": sender})
    return Health(
        HealthState.FAILED,
        _("%(sender)s lost its connection (%(reason)s): scan the QR code again in Evolution.")
        % {"sender": sender, "reason": reason or "?"},
    )


async def judged(call: Awaitable[Health]) -> Health:
    """The result of a health call, with its errors turned into advice."""
    try:
        return await call
    except IntegrationError as error:
        return advice(error)
