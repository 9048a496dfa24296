"""Texts that the API takes: no NUL bytes (PostgreSQL knows none), bounded, and names of channels and states instead of numbers."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

from messaging.states import ChannelKind, ConsentState, RecipientState


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("NUL bytes are not allowed")
    return text


def _text(longest: int) -> Any:
    """A text of so many characters. The pattern says in the OpenAPI document what the validator enforces."""
    return Annotated[str, StringConstraints(max_length=longest, pattern=r"^[^\x00]*$"), AfterValidator(_no_nul)]


Name = _text(200)
Address = _text(254)
Short = _text(60)
Subject = _text(300)
MessageText = _text(10_000)
Slug = Annotated[str, StringConstraints(max_length=60, pattern=r"^[-a-zA-Z0-9_]+$")]
RecordId = Annotated[int, Field(ge=1, le=2**63 - 1)]


class Channel(StrEnum):
    """whatsapp | email | sms."""

    WHATSAPP = "whatsapp"
    EMAIL = "email"
    SMS = "sms"

    @classmethod
    def of(cls, kind: int) -> "Channel":
        """The API's name of a channel."""
        return cls[ChannelKind(kind).name]

    @property
    def kind(self) -> ChannelKind:
        """The channel as it is stored."""
        return ChannelKind[self.name]


class ConsentGiven(StrEnum):
    """granted | withdrawn."""

    GRANTED = "granted"
    WITHDRAWN = "withdrawn"

    @property
    def state(self) -> ConsentState:
        """The consent as it is stored."""
        return ConsentState[self.name]


def state_name(state: int) -> str:
    """A recipient's state in one word."""
    return RecipientState(state).name.lower()
