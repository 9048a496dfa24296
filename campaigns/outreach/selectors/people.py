"""The people of a run, a page at a time."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from messaging.models import Contact, Recipient
from messaging.states import Reason, RecipientState

PAGE = 50


@dataclass(frozen=True, slots=True)
class PeopleFilter:
    """Which people: in any of these states and for any of these reasons (empty: all), beyond `after` = (contact, step)."""

    states: tuple[int, ...] = ()
    reasons: tuple[int, ...] = ()
    after: tuple[int, int] = (0, 0)


@dataclass(slots=True)
class PersonRow:
    """One person of a run, as a page shows it."""

    contact_id: int
    step: int
    name: str
    address: str
    erased: bool  # the contact is gone; what became of the message is kept
    state: RecipientState
    reason: Reason
    code: str
    sent_at: dt.datetime | None
    not_before: dt.datetime | None  # only while that lies ahead
    changed_at: dt.datetime | None


def people_page(job_id: int, chosen: PeopleFilter) -> list[PersonRow]:
    """At most one page, in order of contacts and steps; the unique key of recipients answers it without counting or sorting."""
    now = timezone.now()
    rows = Recipient.objects.filter(job_id=job_id)
    rows = rows.extra(where=["(contact_id, step) > (%s, %s)"], params=list(chosen.after))
    if chosen.states:
        rows = rows.filter(state__in=_with_leased(chosen.states))
    if chosen.reasons:
        rows = rows.filter(reason__in=chosen.reasons)
    fields = ("contact_id", "step", "state", "reason", "code", "sent_at", "not_before", "changed_at")
    page = list(rows.order_by("contact_id", "step").values_list(*fields)[:PAGE])
    # Apart, and not by a join: a person who was erased still is one of the run's people.
    known = Contact.objects.in_bulk({row[0] for row in page})
    return [_row(known.get(row[0]), row, now) for row in page]


def _row(person: Contact | None, row: tuple[Any, ...], now: dt.datetime) -> PersonRow:
    contact_id, step, state, reason, code, sent_at, not_before, changed_at = row
    return PersonRow(
        contact_id=contact_id,
        step=step,
        name=person.name if person else "",
        address=(person.phone or person.email or person.whatsapp_id or "") if person else "",
        erased=person is None,
        state=RecipientState(state),
        reason=Reason(reason),
        code=code or "",
        sent_at=sent_at,
        not_before=not_before if state == RecipientState.PENDING and not_before > now else None,
        changed_at=changed_at,
    )


def _with_leased(states: tuple[int, ...]) -> tuple[int, ...]:
    """Who is in a process's hands counts as waiting, as in the totals."""
    return (*states, RecipientState.LEASED) if RecipientState.PENDING in states else states
