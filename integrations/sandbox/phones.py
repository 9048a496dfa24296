"""The phones and mailboxes of the people, with what arrived on them, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from .behaviour import Step

MAX_PHONES = 20_000
MAX_MESSAGES_A_PHONE = 12
MAX_REMEMBERED_MESSAGES = 100_000


@dataclass(slots=True, eq=False)
class SandboxMessage:
    """One accepted message. `wire` is whatever its service needs to report on it later."""

    number: int
    at: float
    service: str
    account: str
    sender: str
    to: str
    reference: str
    provider_id: str
    subject: str
    text: str
    wire: Any
    state: Step = Step.ACCEPTED
    state_at: float = 0.0
    code: str = ""


@dataclass(slots=True, eq=False)
class Reply:
    """Something the person wrote."""

    at: float
    service: str
    account: str
    text: str


@dataclass(slots=True, eq=False)
class Phone:
    """One address with its latest messages, newest last."""

    address: str
    entries: deque[SandboxMessage | Reply] = field(default_factory=lambda: deque(maxlen=MAX_MESSAGES_A_PHONE))
    received: int = 0
    hides_number: bool = False


class Phones:
    """Addresses in the order of their latest news; the oldest are forgotten."""

    def __init__(self) -> None:
        self._phones: OrderedDict[str, Phone] = OrderedDict()
        self._messages: OrderedDict[str, SandboxMessage] = OrderedDict()

    def __len__(self) -> int:
        return len(self._phones)

    def deliver(self, message: SandboxMessage) -> None:
        """Put an accepted message on its phone."""
        phone = self._touch(message.to)
        phone.entries.append(message)
        phone.received += 1
        self._messages[message.provider_id] = message
        if len(self._messages) > MAX_REMEMBERED_MESSAGES:
            self._messages.popitem(last=False)

    def note(self, address: str, at: float, service: str, account: str, text: str) -> None:
        """Note what the person wrote or did."""
        self._touch(address).entries.append(Reply(at, service, account, text))

    def message(self, provider_id: str) -> SandboxMessage | None:
        """An accepted message by the id we gave it, while it is remembered."""
        return self._messages.get(provider_id)

    def latest(self, limit: int, search: str = "", service: str = "") -> list[Phone]:
        """The phones with the latest news whose address or texts contain the words, perhaps of one service only."""
        words = search.casefold().strip()
        found = (
            phone
            for phone in reversed(self._phones.values())
            if (not service or any(entry.service == service for entry in phone.entries))
            and (not words or _contains(phone, words))
        )
        return list(islice(found, limit))

    def clear(self) -> None:
        """Forget everything."""
        self._phones.clear()
        self._messages.clear()

    def _touch(self, address: str) -> Phone:
        phone = self._phones.get(address)
        if phone is None:
            phone = self._phones[address] = Phone(address)
            if len(self._phones) > MAX_PHONES:
                self._phones.popitem(last=False)
        else:
            self._phones.move_to_end(address)
        return phone


def _contains(phone: Phone, words: str) -> bool:
    if words in phone.address.casefold():
        return True
    return any(words in entry.text.casefold() for entry in phone.entries) or any(
        words in f"{entry.sender} {entry.subject} {entry.reference} {entry.provider_id}".casefold()
        for entry in phone.entries
        if isinstance(entry, SandboxMessage)
    )
