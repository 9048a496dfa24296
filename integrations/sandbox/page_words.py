"""What the page says: words, numbers and times for a person, and the rows of its lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from .behaviour import Step
from .faults import Fault, FaultKind
from .phones import Phone, Reply, SandboxMessage

Words = str | Promise

STATE_WORDS: Mapping[Step, Words] = {
    Step.ACCEPTED: pgettext_lazy("message", "accepted"),
    Step.SENT: pgettext_lazy("message", "sent"),
    Step.DELIVERED: pgettext_lazy("message", "delivered"),
    Step.READ: pgettext_lazy("message", "read"),
    Step.CLICKED: pgettext_lazy("message", "clicked"),
    Step.FAILED: pgettext_lazy("message", "failed"),
    Step.REPLIED: pgettext_lazy("message", "replied"),
    Step.COMPLAINED: pgettext_lazy("message", "complained"),
}
# Colour means state and nothing else: grey waits, blue moves, green is done, amber needs a look, red is broken.
STATE_COLOURS: Mapping[Step, str] = {
    Step.ACCEPTED: "grey",
    Step.SENT: "blue",
    Step.DELIVERED: "green",
    Step.READ: "green",
    Step.CLICKED: "green",
    Step.FAILED: "red",
    Step.REPLIED: "green",
    Step.COMPLAINED: "amber",
}


@dataclass(frozen=True, slots=True)
class FaultWords:
    """Title and meaning of one switch."""

    kind: FaultKind
    title: Words
    meaning: Words


@dataclass(frozen=True, slots=True)
class FaultGroup:
    """Switches that belong together; `is_usual` says that they are shown at once."""

    title: Words
    faults: tuple[FaultWords, ...]
    is_usual: bool = True


FAULT_GROUPS = (
    FaultGroup(
        _("Not accepted"),
        (
            FaultWords(FaultKind.RATE_LIMIT, _("Too many requests"), _("Answers 429 with Retry-After.")),
            FaultWords(FaultKind.SERVER_ERROR, _("Server error"), _("Answers 500 and accepts nothing.")),
            FaultWords(FaultKind.UNAVAILABLE, _("Out of service"), _("Answers 503 and accepts nothing.")),
            FaultWords(FaultKind.CUT_BEFORE, _("Connection cut before"), _("Cuts the connection, accepts nothing.")),
            FaultWords(
                FaultKind.INSTANCE_CLOSED, _("Instance closed"), _("Evolution's WhatsApp session is logged out.")
            ),
        ),
    ),
    FaultGroup(
        _("Accepted, but"),
        (
            FaultWords(FaultKind.LATENCY, _("Slow answer"), _("Accepts at once, answers seconds later.")),
            FaultWords(FaultKind.HANG_AFTER, _("No answer"), _("Accepts and never answers: the caller times out.")),
            FaultWords(FaultKind.CUT_AFTER, _("Connection cut after"), _("Accepts, then cuts the connection.")),
            FaultWords(
                FaultKind.SERVER_ERROR_AFTER, _("Server error after"), _("Accepts and answers 500 all the same.")
            ),
        ),
    ),
    FaultGroup(
        _("Unreadable answers"),
        (
            FaultWords(FaultKind.BAD_GATEWAY, _("Bad gateway"), _("An HTML page with status 502, accepts nothing.")),
            FaultWords(FaultKind.HTML_PAGE, _("A page instead"), _("An HTML page with status 200, accepts nothing.")),
            FaultWords(FaultKind.ERROR_IN_SUCCESS, _("Error in a success"), _("Status 200 with an error inside.")),
            FaultWords(FaultKind.CUT_BODY, _("Body cut"), _("Accepts, and half of the answer comes.")),
            FaultWords(FaultKind.INVALID_JSON, _("Invalid JSON"), _("Accepts, and the answer cannot be read.")),
            FaultWords(
                FaultKind.WRONG_CONTENT_TYPE, _("Wrong content type"), _("Accepts, and calls the answer plain text.")
            ),
        ),
        is_usual=False,
    ),
    FaultGroup(
        _("Permission and time"),
        (
            FaultWords(FaultKind.EXPIRED_TOKEN, _("Token expired"), _("The credentials are no longer valid.")),
            FaultWords(FaultKind.MISSING_SCOPE, _("Permission taken away"), _("The token may not do this any more.")),
            FaultWords(FaultKind.CLOCK_SKEW, _("Clocks differ"), _("The service sees our clock seconds ahead.")),
            FaultWords(FaultKind.RATE_LIMIT_SILENT, _("Too many, no word when"), _("Answers 429 without Retry-After.")),
        ),
        is_usual=False,
    ),
    FaultGroup(
        _("Webhooks"),
        (
            FaultWords(
                FaultKind.DUPLICATE_WEBHOOKS, pgettext_lazy("webhooks", "Duplicates"), _("Delivers each webhook twice.")
            ),
            FaultWords(FaultKind.REORDER_WEBHOOKS, _("Out of order"), _("A status overtakes the one before it.")),
            FaultWords(FaultKind.DELAY_WEBHOOKS, pgettext_lazy("webhooks", "Late"), _("Statuses come seconds late.")),
            FaultWords(FaultKind.DROP_WEBHOOKS, pgettext_lazy("webhooks", "Lost"), _("Statuses never come.")),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class FaultRow:
    """One switch as the page shows it. `detail` says where and how often, when it is on."""

    kind: str
    title: Words
    meaning: Words
    on: bool
    detail: str


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One message or reply on a phone."""

    from_person: bool
    title: str
    text: str
    state: Words
    colour: str
    code: str
    ago: str
    iso: str
    reference: str


@dataclass(frozen=True, slots=True)
class PhoneRow:
    """One phone or mailbox; its entries, oldest first, only if it is open: two hundred conversations are a megabyte."""

    address: str
    service: str
    service_title: str
    account: str
    received: int
    latest: EntryRow
    entries: tuple[EntryRow, ...]
    is_open: bool


def number_words(number: int) -> str:
    """A whole number with separators of the reader's language."""
    words = f"{number:,}"
    return words.replace(",", ".") if (get_language() or "").startswith("pt") else words


def share_words(share: float) -> str:
    """A share as percent."""
    return f"{share * 100:g} %"


def ago_words(seconds: float) -> str:
    """How long ago, in the reader's language."""
    if seconds < 60:
        return gettext("%(number)d s ago") % {"number": max(0, int(seconds))}
    if seconds < 3600:
        return gettext("%(number)d min ago") % {"number": int(seconds / 60)}
    return gettext("%(number)d h ago") % {"number": int(seconds / 3600)}


def fault_rows(group: FaultGroup, faults: list[Fault]) -> list[FaultRow]:
    """The switches of one group."""
    rows = []
    for words in group.faults:
        on = [fault for fault in faults if fault.kind is words.kind]
        details = [fault_detail(fault) for fault in on]
        rows.append(FaultRow(words.kind.value, words.title, words.meaning, bool(on), "; ".join(details)))
    return rows


def fault_detail(fault: Fault) -> str:
    """Where and how often one fault strikes."""
    parts = (
        gettext("all services") if fault.service == "*" else fault.service,
        fault.operation if fault.operation != "*" else "",
        fault.sender if fault.sender != "*" else "",
        fault.code or fault.path,
        share_words(fault.share) if fault.share < 1 else "",
        f"{fault.seconds:g} s" if fault.seconds else "",
        gettext("struck %(number)s times") % {"number": number_words(fault.struck)},
    )
    return " · ".join(part for part in parts if part)


def phone_row(phone: Phone, titles: Mapping[str, str], now: float, *, is_open: bool) -> PhoneRow:
    """One phone; it has at least one entry."""
    last = phone.entries[-1]
    return PhoneRow(
        address=phone.address,
        service=last.service,
        service_title=titles.get(last.service, last.service),
        account=last.account,
        received=phone.received,
        latest=_entry_row(last, now),
        entries=tuple(_entry_row(entry, now) for entry in phone.entries) if is_open else (),
        is_open=is_open,
    )


def _entry_row(entry: SandboxMessage | Reply, now: float) -> EntryRow:
    iso = datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="seconds")
    if isinstance(entry, Reply):
        return EntryRow(
            True, "", entry.text, pgettext_lazy("person", "wrote"), "none", "", ago_words(now - entry.at), iso, ""
        )
    return EntryRow(
        from_person=False,
        title=entry.subject,
        text=entry.text,
        state=STATE_WORDS[entry.state],
        colour=STATE_COLOURS[entry.state],
        code=entry.code if entry.state is Step.FAILED else "",
        ago=ago_words(now - entry.at),
        iso=iso,
        reference=entry.reference,
    )
