"""What one imitated service is: its routes, its answers, and its own way to fail."""

from __future__ import annotations

import abc
from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

from .behaviour import FailureCode, Step
from .faults import WEBHOOK_KINDS, FaultKind
from .phones import SandboxMessage
from .postman import RetryRule, Sign, Webhook
from .routes import Routes
from .wire import Request, Response

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from .world import World

# Headers by which providers say how long to wait; a silent rate limit has none of them.
WAIT_HEADERS = ("retry-after", "ratelimit-", "x-ratelimit-", "x-business-use-case-usage", "x-app-usage")
WEBHOOK_RETRY = RetryRule((5.0, 60.0, 600.0))


class ControlRefused(ValueError):
    """What the control API was asked makes no sense; the text says why."""


class Unsupported(ControlRefused):
    """The service has no such thing: what was asked makes sense elsewhere, but not here."""


class Imitation(abc.ABC):
    """One imitated service, mounted at `/<slug>`.

    `sends_webhooks` says whether webhook faults make sense; `events` names what `happen` can make happen.
    """

    slug: str
    title: str
    routes: Routes
    sends_webhooks: ClassVar[bool] = False
    events: ClassVar[tuple[str, ...]] = ()

    def __init__(self, world: World) -> None:
        self.world = world

    async def start(self) -> None:  # noqa: B027
        """Listen on a port of its own; only services that speak something else than HTTP do. Raises OSError."""

    async def stop(self) -> None:  # noqa: B027
        """End what `start` began."""

    @property
    def operations(self) -> tuple[str, ...]:
        """The names that a fault may be narrowed to."""
        return self.routes.operations

    def address(self, host: str) -> str:
        """Where a client finds this service, when the sandbox's own host and port are `host`."""
        return f"http://{host}/{self.slug}"

    def match(self, request: Request, path: str) -> tuple[str, tuple[str, ...]] | None:
        """The operation that a request is for, with what the path names; None = the service has no such route.

        `path` is below the service's own mount and still percent-encoded.
        """
        return self.routes.match(request.method, path)

    def sender_of(self, operation: str, arguments: tuple[str, ...], request: Request) -> str:
        """Which of our identities a request uses, for faults that concern one of them only."""
        return arguments[0] if arguments else ""

    @abc.abstractmethod
    def answer(self, operation: str, arguments: tuple[str, ...], request: Request) -> Response:
        """Do what the request says and answer as the provider would."""

    @abc.abstractmethod
    def unknown_route(self, request: Request) -> Response:
        """The provider's answer to a path it does not have."""

    # Accounts

    @abc.abstractmethod
    def open_account(self, given: dict[str, Any]) -> dict[str, Any]:
        """Register (or replace) an account; returns everything a client needs, its name first. Raises ControlRefused."""

    @abc.abstractmethod
    def accounts(self) -> list[dict[str, Any]]:
        """What is registered."""

    def clear(self) -> None:  # noqa: B027
        """Forget what clients did, keep accounts."""

    # Its own way to fail

    @abc.abstractmethod
    def rate_limited(self, retry_after: float) -> Response:
        """The provider's answer to too many requests, with its way to say how many seconds to wait."""

    @abc.abstractmethod
    def broken(self) -> Response:
        """The provider's answer when it fails itself: its 500."""

    @abc.abstractmethod
    def refusal(self, code: str) -> Response:
        """The provider's answer with one of its error codes."""

    @abc.abstractmethod
    def codes(self) -> Collection[str]:
        """The error codes that `refusal` knows."""

    def rate_limited_silently(self) -> Response:
        """Too many requests, and nothing says how long to wait. Override where the body says it too."""
        response = self.rate_limited(1.0)
        kept = tuple(header for header in response.headers if not header[0].lower().startswith(WAIT_HEADERS))
        return replace(response, headers=kept)

    def unavailable(self, retry_after: float) -> Response:
        """The provider's 503, with Retry-After when it is above 0."""
        wait = (("retry-after", str(round(retry_after))),) if retry_after else ()
        response = self.broken()
        return replace(response, status=503, headers=(*response.headers, *wait))

    def error_in_success(self, operation: str) -> Response | None:
        """Status 200 with an error in the body, where the provider does that; nothing is carried out then."""
        return None

    def expired_token(self, operation: str) -> Response | None:
        """The answer to a token that has expired; None = its credentials do not expire."""
        return None

    def missing_scope(self, operation: str) -> Response | None:
        """The answer to a token without the permission for this; None = its credentials have no scopes."""
        return None

    def clock_skewed(self, operation: str, request: Request, seconds: float) -> Response | None:
        """The answer to a request signed by a clock that is `seconds` off; None = the provider does not mind."""
        return None

    def supports(self, kind: FaultKind, operation: str) -> bool:
        """Whether this fault can strike this operation."""
        if kind in WEBHOOK_KINDS:
            return self.sends_webhooks
        match kind:
            case FaultKind.INSTANCE_CLOSED:
                return False
            case FaultKind.ERROR_IN_SUCCESS:
                return self.error_in_success(operation) is not None
            case FaultKind.EXPIRED_TOKEN:
                return self.expired_token(operation) is not None
            case FaultKind.MISSING_SCOPE:
                return self.missing_scope(operation) is not None
        return True

    def faults_changed(self) -> None:  # noqa: B027
        """Faults were switched on or off; only services with instances care."""

    # What it tells us by itself

    def happen(self, event: str, facts: dict[str, Any]) -> dict[str, Any]:
        """Let something of `events` happen at the provider, and tell about it by webhook; returns what a test needs.

        Raises ControlRefused.
        """
        raise Unsupported(f"nothing happens by itself at {self.title}")

    def send_webhook(
        self,
        url: str,
        body: bytes,
        sign: Sign,
        *,
        sender: str = "",
        content_type: str = "application/json",
        after: float = 0.0,
        retry: RetryRule = WEBHOOK_RETRY,
        headers: Mapping[str, str] | None = None,
    ) -> bool:
        """Schedule one webhook `after` provider seconds; False = no address, or a fault has lost it.

        `sign(body)` makes the headers of one attempt; `headers` are the same for each.
        """
        faults = self.world.faults
        if not url or faults.strike_webhook(FaultKind.DROP_WEBHOOKS, self.slug, sender):
            return False
        fixed = dict(headers or {})
        signed: Sign = (lambda content: {**fixed, **sign(content)}) if fixed else sign
        webhook = Webhook(self.slug, sender, url, body, content_type, signed, retry)
        delay = after / self.world.clock.scale
        for kind in (FaultKind.DELAY_WEBHOOKS, FaultKind.REORDER_WEBHOOKS):
            if fault := faults.strike_webhook(kind, self.slug, sender):
                delay += fault.seconds
        if delay:
            self.world.clock.after(delay, self.world.postman.post, webhook)
        else:
            self.world.postman.post(webhook)
        return True


class MessagingImitation(Imitation):
    """A service that carries messages to people."""

    failure_codes: tuple[FailureCode, ...]
    sends_webhooks: ClassVar[bool] = True

    @abc.abstractmethod
    def report(self, message: SandboxMessage, step: Step) -> None:
        """Send the webhook for one step of a message, if the account wants it."""

    @abc.abstractmethod
    def write(self, account: str, address: str, text: str, about: SandboxMessage | None = None) -> str:
        """A person writes to an account, perhaps about a message: send the inbound webhook; returns its id.

        Raises ControlRefused.
        """

    def react(self, message: SandboxMessage, words: str) -> None:
        """The person reacts to a message in words, or leaves the list, as one does in this channel."""
        self.write(message.account, message.to, words, message)

    def remember(self, account: str, idempotency_key: str, digest: str, provider_id: str) -> None:
        """An acceptance that an earlier run of the sandbox logged; only services that dedupe care."""


def known_fields(kind: type[DataclassInstance], given: Mapping[str, Any]) -> dict[str, Any]:
    """The given fields of an account. Raises ControlRefused for one it does not have."""
    known = {each.name for each in fields(kind)}
    if unknown := set(given) - known:
        raise ControlRefused(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
    return dict(given)
