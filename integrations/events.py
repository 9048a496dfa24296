"""What a provider's webhook says, in our own words, for the packages above that act on it.

A service's `webhook.parse` turns a stored body into `MessageEvent`s; `integrations.dispatch_inbound` wraps each one
in a `ReceivedEvent` and passes whole batches to the receivers registered in `integrations.inbound`.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from integrations.errors import SuppressReason

UNDATED = datetime.fromtimestamp(0, UTC)  # the provider says no time; dispatch puts the time of arrival instead


class EventKind(enum.StrEnum):
    """What happened to a message of ours, or that a person wrote to us (INBOUND)."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    CLICKED = "clicked"
    OPENED = "opened"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    INBOUND = "inbound"


@dataclass(frozen=True, slots=True)
class MessageEvent:
    """One fact about one message. `provider_event_id` is unique within the service, so applying it twice is seen."""

    kind: EventKind
    occurred_at: datetime  # aware; the provider's own time
    provider_event_id: str  # e.g. "wamid.HBg…:delivered"
    provider_message_id: str  # the id the provider gave to our message; for INBOUND the inbound message's own id
    reference: str = ""  # our reference, where the provider echoes it
    address: str = ""  # the person's address: E.164 with "+", or an e-mail; empty when the provider hides it
    own_address: str = ""  # our sender identity at the provider: phone_number_id, instance, number, mailbox
    text: str = ""  # INBOUND: what the person wrote (for buttons and lists: the title chosen)
    error_code: str = ""
    error_text: str = ""
    suppress: SuppressReason | None = None  # set when the address must not be tried again
    in_reply_to: str = ""  # INBOUND: provider id of the message replied to, where given


@dataclass(frozen=True, slots=True)
class ConnectionEvent:
    """The provider says that the link between a sender of ours and its network opened or closed."""

    is_open: bool
    occurred_at: datetime
    own_address: str  # instance
    reason: str = ""  # the provider's short code, e.g. "401" for a phone that logged out


@dataclass(frozen=True, slots=True)
class ServiceEvent:
    """Something happened at a service that carries no messages: an ad was rejected, a page changed, a button was pressed.

    `kind` is "<service>.<what>" in our words, `subject` the service's id of what it is about, `facts` the few values that
    whoever acts on it needs: never the whole payload, which stays with the inbound event.
    """

    kind: str
    occurred_at: datetime
    provider_event_id: str
    subject: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SecretEvent:
    """The service gives us the secret that will sign its webhooks, as the setting `name`. Only `integrations` itself receives these."""

    name: str
    secret: str = field(repr=False)
    occurred_at: datetime = UNDATED


InboundFact = MessageEvent | ConnectionEvent | ServiceEvent | SecretEvent


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """A `MessageEvent` with where it came from: the stored inbound event, and the connection it arrived on."""

    inbound_event_id: int
    received_at: datetime
    service: str
    connection_id: int
    event: MessageEvent


@dataclass(frozen=True, slots=True)
class ReceivedConnectionEvent:
    """A `ConnectionEvent` with where it came from."""

    inbound_event_id: int
    received_at: datetime
    service: str
    connection_id: int
    event: ConnectionEvent


@dataclass(frozen=True, slots=True)
class ReceivedServiceEvent:
    """A `ServiceEvent` with where it came from."""

    inbound_event_id: int
    received_at: datetime
    service: str
    connection_id: int
    event: ServiceEvent


@dataclass(frozen=True, slots=True)
class ReceivedSecretEvent:
    """A `SecretEvent` with where it came from."""

    inbound_event_id: int
    received_at: datetime
    service: str
    connection_id: int
    event: SecretEvent


ReceivedFact = ReceivedEvent | ReceivedConnectionEvent | ReceivedServiceEvent | ReceivedSecretEvent
