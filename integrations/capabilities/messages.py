"""Sending one message to one person: the protocol that the send engine calls and every channel implements."""

import enum
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, cast, get_type_hints

from integrations.facts import ConnectionFacts
from integrations.registry import build_client, service_module


class Recovery(enum.Enum):
    """What an expired lease may rely on when nobody knows whether the provider accepted the message."""

    DEDUPE = "dedupe"  # the provider drops a second request with the same idempotency key: send again
    CALLBACK = "callback"  # status events carry our reference: wait as `unknown`, never resend
    NONE = "none"  # nothing helps: `unknown`, never resend


@dataclass(frozen=True, slots=True)
class TemplateCall:
    """A template kept and approved at the provider (WhatsApp), with the texts of its body variables in order."""

    name: str
    language: str
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """One message, rendered and addressed."""

    reference: str  # our recipient id as decimal text; comes back in status events where the provider allows
    idempotency_key: str  # deterministic, the same for each attempt of one (job, contact, step)
    to: str  # E.164 with "+", or an e-mail address
    sender: str  # phone_number_id | Evolution instance | E.164 | mailbox address ("Name <a@b>")
    text: str = ""
    subject: str = ""
    html: str = ""
    template: TemplateCall | None = None
    media_url: str = ""
    unsubscribe_url: str = ""  # e-mail: becomes List-Unsubscribe and List-Unsubscribe-Post (RFC 8058)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took responsibility for the message and named it `provider_id`."""

    provider_id: str


class MessageChannel(Protocol):
    """One open connection to one provider; made once per child process and event loop, after the fork."""

    recovery: Recovery
    dedupe_for: (
        timedelta  # how long after an acceptance a repetition is surely dropped; zero where `recovery` is not DEDUPE
    )

    async def send(self, message: OutboundMessage) -> Accepted:
        """Hand one message to the provider. Raises `integrations.errors`."""
        ...

    async def aclose(self) -> None:
        """Close every connection; nothing is left behind in the loop."""
        ...


def open_channel(connection: ConnectionFacts) -> MessageChannel:
    """The channel that serves this connection. Call it inside the loop that will use it.

    Raises `NotConfigured` when the service is unknown, does not send messages, or lacks a setting or secret.
    """
    return cast(MessageChannel, build_client(connection, capability="messages"))


def recovery_of(service: str) -> Recovery:
    """What an expired lease at this service may rely on, without opening a connection."""
    return _channel_of(service).recovery


def dedupe_for(service: str) -> timedelta:
    """For how long this service drops a repetition of a message it has accepted, without opening a connection."""
    return _channel_of(service).dedupe_for


def _channel_of(service: str) -> MessageChannel:
    """The class of the service's channel."""
    return cast(MessageChannel, get_type_hints(service_module(service, "client").build)["return"])
