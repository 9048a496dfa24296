"""Pixels and conversion events, as the rest of the platform sees them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from integrations.meta_graph.hashing import hashed_email, hashed_name, hashed_phone


@dataclass(frozen=True, slots=True)
class Pixel:
    """A pixel's state. `last_fired_at` is None until its first event."""

    id: str
    name: str
    is_unavailable: bool
    last_fired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EventCount:
    """How often something came in the hour that starts at `hour`; `value` is what was counted by: an event's name, a source …"""

    hour: datetime
    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One of Meta's checks of a pixel; `result` is "passed", "failed" or "warning" as Meta writes it."""

    key: str
    result: str
    title: str = ""
    description: str = ""

    @property
    def is_passed(self) -> bool:
        """Whether Meta finds nothing wrong."""
        return self.result == "passed"


@dataclass(frozen=True, slots=True)
class EventQuality:
    """How well Meta can use one kind of event. The score is out of ten; None where too few events came for a figure."""

    event_name: str
    score: Decimal | None = None
    match_keys: Mapping[str, Decimal] = field(default_factory=dict)  # identifier → percent of the events that carry it
    coverage: Decimal | None = None  # percent of the browser's events that the server sent too
    coverage_goal: Decimal | None = None
    upload_frequency: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Who an event is about. E-mail, phone and names are hashed before they leave; the rest travels as the browser gave it."""

    email: str = ""
    phone: str = ""  # E.164
    first_name: str = ""
    last_name: str = ""
    external_id: str = ""
    click_id: str = ""  # the cookie _fbc
    browser_id: str = ""  # the cookie _fbp
    ip_address: str = ""
    user_agent: str = ""

    def fields(self) -> dict[str, object]:
        """`user_data` of the Conversions API."""
        hashes = {
            "em": hashed_email(self.email),
            "ph": hashed_phone(self.phone),
            "fn": hashed_name(self.first_name),
            "ln": hashed_name(self.last_name),
        }
        plain = {
            "external_id": self.external_id,
            "fbc": self.click_id,
            "fbp": self.browser_id,
            "client_ip_address": self.ip_address,
            "client_user_agent": self.user_agent,
        }
        found: dict[str, object] = {name: [value] for name, value in hashes.items() if value}
        return found | {name: value for name, value in plain.items() if value}


@dataclass(frozen=True, slots=True)
class ConversionEvent:
    """One conversion. Meta drops a second event of the same name and `event_id`, also when the first came from the browser."""

    event_id: str
    name: str  # Purchase, Lead, … or a name of one's own
    occurred_at: datetime  # aware
    person: Person
    action_source: str = "website"
    url: str = ""
    value: Decimal | None = None
    currency: str = ""
    details: Mapping[str, str] = field(default_factory=dict)

    def fields(self) -> dict[str, object]:
        """The event as the Conversions API takes it."""
        found: dict[str, object] = {
            "event_name": self.name,
            "event_time": int(self.occurred_at.timestamp()),
            "event_id": self.event_id,
            "action_source": self.action_source,
            "user_data": self.person.fields(),
        }
        if self.url:
            found["event_source_url"] = self.url
        custom: dict[str, object] = dict(self.details)
        if self.value is not None:
            custom |= {"value": float(self.value), "currency": self.currency}
        return found | {"custom_data": custom} if custom else found


@dataclass(frozen=True, slots=True)
class EventsTaken:
    """What Meta took: how many, what it remarks, and the trace ids that its support asks for."""

    received: int
    remarks: tuple[str, ...]
    traces: tuple[str, ...]
