"""Recipients a page at a time: of a job in the order of its unique key, of a person newest job first. Nothing is counted."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import QuerySet

from agency.selectors.access import Viewer
from messaging.models import Contact, DeliveryEvent, Recipient, SendJob
from messaging.selectors.totals import funnel
from messaging.selectors.visible import visible_jobs
from messaging.states import RecipientState

PAGE = 50
LOOK = 100_000  # rows of a job that one page looks through for a rare state before it shows what it has
RECENT_JOBS = 2_000  # of a client, in which a person's recipients are looked for
REPORT_DAYS = 31  # how long after sending a provider's reports are looked for


@dataclass(frozen=True, slots=True)
class RecipientFilter:
    """Which of a job's recipients: in these states, for these reasons (empty: all), beyond `after` = (contact, step)."""

    states: tuple[int, ...] = ()
    reasons: tuple[int, ...] = ()
    after: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class RecipientLine:
    """A recipient with its sender, and the person apart: somebody who was erased still is one of the job's people."""

    recipient: Recipient
    person: Contact | None


@dataclass(frozen=True, slots=True)
class RecipientPage:
    """Lines, and where the next page begins (None: there is none). `searching`: the rest was not looked at yet."""

    lines: tuple[RecipientLine, ...]
    following: tuple[int, int] | None = None
    searching: bool = False


def job_recipients(job_id: int, chosen: RecipientFilter) -> RecipientPage:
    """One page. With a filter at most `LOOK` rows are looked at, so that the answer is quick however rare the state is."""
    rows = Recipient.objects.filter(job_id=job_id).order_by("contact_id", "step")
    rows = rows.extra(where=["(contact_id, step) > (%s, %s)"], params=list(chosen.after))
    if not chosen.states and not chosen.reasons:
        return _page(list(_shown(rows)[: PAGE + 1]), None)
    if not _has_any(job_id, chosen):
        return RecipientPage(())
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id FROM (
                SELECT id, contact_id, step, state, reason FROM messaging_recipient
                WHERE job_id = %(job)s AND (contact_id, step) > (%(contact)s, %(step)s) ORDER BY contact_id, step LIMIT %(look)s
            ) AS looked
            WHERE (%(states)s::int[] = '{}' OR state = ANY(%(states)s::int[])) AND (%(reasons)s::int[] = '{}' OR reason = ANY(%(reasons)s::int[]))
            ORDER BY contact_id, step LIMIT %(most)s
            """,
            {
                "job": job_id,
                "contact": chosen.after[0],
                "step": chosen.after[1],
                "look": LOOK,
                "states": _with_leased(chosen.states),
                "reasons": list(chosen.reasons),
                "most": PAGE + 1,
            },
        )
        ids = [row[0] for row in cursor.fetchall()]
    found = sorted(_shown(Recipient.objects.filter(pk__in=ids)), key=lambda row: (row.contact_id, row.step))
    return _page(found, None if len(found) > PAGE else _end_of_look(job_id, chosen.after))


def _page(found: Sequence[Recipient], look_end: tuple[int, int] | None) -> RecipientPage:
    if len(found) > PAGE:
        last = found[PAGE - 1]
        return RecipientPage(with_people(found[:PAGE]), (last.contact_id, last.step))
    return RecipientPage(with_people(found), look_end, searching=look_end is not None)


def _shown(rows: QuerySet[Recipient]) -> QuerySet[Recipient]:
    return rows.select_related("sender").defer("variables")


def with_people(rows: Sequence[Recipient]) -> tuple[RecipientLine, ...]:
    """The rows with their persons, asked for apart and not by a join."""
    known = Contact.objects.defer("attributes").in_bulk({row.contact_id for row in rows})
    return tuple(RecipientLine(row, known.get(row.contact_id)) for row in rows)


def _has_any(job_id: int, chosen: RecipientFilter) -> bool:
    """Whether the job's totals know of any such recipient, so that nobody is looked for who is not there."""
    counts = funnel([job_id]).counts
    states, reasons = set(_with_leased(chosen.states)), set(chosen.reasons)
    return any(
        number > 0 and (not states or state in states) and (not reasons or reason in reasons)
        for (state, reason), number in counts.items()
    )


def _end_of_look(job_id: int, after: tuple[int, int]) -> tuple[int, int] | None:
    """The key at which a look of `LOOK` rows ends; None when the job ends before."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT contact_id, step FROM messaging_recipient WHERE job_id = %s AND (contact_id, step) > (%s, %s)
            ORDER BY contact_id, step OFFSET %s LIMIT 1
            """,
            [job_id, *after, LOOK - 1],
        )
        found = cursor.fetchone()
    return (found[0], found[1]) if found else None


def _with_leased(states: tuple[int, ...]) -> list[int]:
    """Who is in a process's hands counts as waiting, as in the totals."""
    return [*states, RecipientState.LEASED] if RecipientState.PENDING in states else list(states)


def contact_recipients(
    user: Viewer, contact: Contact, chosen: RecipientFilter, before: tuple[int, int] | None = None
) -> RecipientPage:
    """What was or will be sent to one person, newest job first: at most a page, beyond `before` = (job, step), among the
    client's latest jobs that the reader sees."""
    jobs = visible_jobs(user).filter(client_id=contact.client_id)
    if before is not None:
        jobs = jobs.filter(pk__lte=before[0])
    ids = list(jobs.order_by("-pk").values_list("pk", flat=True)[:RECENT_JOBS])
    rows = Recipient.objects.filter(job_id__in=ids, contact_id=contact.pk)
    if before is not None:
        rows = rows.exclude(job_id=before[0], step__gte=before[1])
    if chosen.states:
        rows = rows.filter(state__in=_with_leased(chosen.states))
    if chosen.reasons:
        rows = rows.filter(reason__in=chosen.reasons)
    found = list(_shown(rows).order_by("-job_id", "-step")[: PAGE + 1])
    lines = tuple(RecipientLine(row, contact) for row in found[:PAGE])
    return RecipientPage(lines, (found[PAGE - 1].job_id, found[PAGE - 1].step) if len(found) > PAGE else None)


def reports_of(recipient: Recipient, today: dt.date) -> list[DeliveryEvent]:
    """What the provider reported about one message, oldest first, found by the table's key: day, connection, and the message's own id."""
    if not recipient.provider_id or recipient.sent_at is None or recipient.sender is None:
        return []
    first = recipient.sent_at.date() - dt.timedelta(days=1)
    days = [first + dt.timedelta(days=n) for n in range(REPORT_DAYS) if first + dt.timedelta(days=n) <= today]
    prefix = f"{recipient.provider_id}:"
    found = DeliveryEvent.objects.filter(
        received_on__in=days,
        connection_id=recipient.sender.connection_id,
        provider_event_id__gte=prefix,
        provider_event_id__lt=f"{recipient.provider_id};",  # the sign after the colon
    )
    return list(found.order_by("occurred_at", "pk")[:PAGE])


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The recipients of one job that were given up after all attempts."""

    job: SendJob
    number: int


def dead_letter_jobs(user: Viewer, before_job: int | None = None) -> list[DeadLetters]:
    """Jobs with recipients that were given up, newest first, a page at a time; from the totals, not from the recipients."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT job_id, sum(number)::bigint FROM (
                SELECT job_id, number FROM messaging_jobtotal WHERE state = 90 AND reason = 15
                UNION ALL SELECT job_id, number FROM messaging_tally WHERE state = 90 AND reason = 15
            ) AS given_up
            WHERE %(before)s::bigint IS NULL OR job_id < %(before)s GROUP BY job_id HAVING sum(number) > 0 ORDER BY job_id DESC LIMIT 5000
            """,
            {"before": before_job},
        )
        numbers = dict(cursor.fetchall())
    jobs = visible_jobs(user).filter(pk__in=list(numbers)).order_by("-pk")[: PAGE + 1]
    return [DeadLetters(job, numbers[job.pk]) for job in jobs]
