"""What became of an execution, in numbers, and its people as rows of a file."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from agency.kit.spreadsheets import BYTE_ORDER_MARK, csv_lines
from campaigns.outreach.models import Campaign, Execution
from campaigns.outreach.selectors.audience import within
from messaging.selectors.totals import funnel
from messaging.states import Reason, RecipientState

SLOW_MILLISECONDS = 1_500
SAMPLE = 50_000  # deliveries looked at for times
PAGE = 5_000  # rows of the export read at once


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with what it is a share of."""

    number: int
    of: int

    @property
    def percent(self) -> float:
        """In percent; 0 of nothing is 0."""
        return 100 * self.number / self.of if self.of else 0.0


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds from handing over to delivery, over `messages` of them."""

    mean: float
    p95: float
    messages: int


@dataclass(frozen=True, slots=True)
class Report:
    """The people of one or more runs. `sent` were accepted by the provider and include those delivered, read, replied and completed; `delivered`
    includes those read, and so on. `failed_by_code` and `times` are None when they could not be counted within a second."""

    targeted: int
    pending: int
    skipped: int
    skipped_by_reason: Mapping[Reason, int]
    sent: int
    delivered: int
    read: int
    replied: int
    completed: int
    failed: int
    failed_by_reason: Mapping[Reason, int]
    failed_by_code: Mapping[str, int] | None
    unknown: int
    times: Times | None
    started_at: dt.datetime | None
    finished_at: dt.datetime | None

    @property
    def adds_up(self) -> bool:
        """Whether everybody is accounted for, which holds when nobody is pending: targeted = sent + skipped + failed + unknown."""
        return self.pending == 0 and self.targeted == self.sent + self.skipped + self.failed + self.unknown

    @property
    def sent_rate(self) -> Rate:
        """Of those targeted."""
        return Rate(self.sent, self.targeted)

    @property
    def delivered_rate(self) -> Rate:
        """Of those sent."""
        return Rate(self.delivered, self.sent)

    @property
    def read_rate(self) -> Rate:
        """Of those delivered."""
        return Rate(self.read, self.delivered)

    @property
    def replied_rate(self) -> Rate:
        """Of those delivered."""
        return Rate(self.replied, self.delivered)


def execution_report(execution: Execution) -> Report:
    """The numbers of one run as of now."""
    return _report([execution])


def campaign_report(campaign: Campaign) -> Report:
    """The numbers of all runs of a campaign together; one person in two runs counts twice."""
    return _report(list(Execution.objects.filter(campaign=campaign).order_by("number")))


def _report(executions: Sequence[Execution]) -> Report:
    jobs = [execution.job_id for execution in executions]
    found = funnel(jobs)
    state = RecipientState
    ends = [execution.finished_at for execution in executions]
    return Report(
        targeted=found.targeted,
        pending=found.of(state.PENDING, state.LEASED),
        skipped=found.of(state.SKIPPED),
        skipped_by_reason=found.by_reason(state.SKIPPED),
        sent=found.accepted,
        delivered=found.of(state.DELIVERED, state.READ, state.REPLIED, state.COMPLETED),
        read=found.of(state.READ, state.REPLIED, state.COMPLETED),
        replied=found.of(state.REPLIED, state.COMPLETED),
        completed=found.of(state.COMPLETED),
        failed=found.of(state.FAILED),
        failed_by_reason=found.by_reason(state.FAILED),
        failed_by_code=within(SLOW_MILLISECONDS, lambda: _failed_by_code(jobs)) if found.of(state.FAILED) else {},
        unknown=found.of(state.UNKNOWN),
        times=within(SLOW_MILLISECONDS, lambda: _times(executions)) if found.accepted else None,
        started_at=min((execution.started_at for execution in executions), default=None),
        finished_at=max((end for end in ends if end), default=None) if all(ends) else None,
    )


def _failed_by_code(jobs: Sequence[int]) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COALESCE(code, ''), count(*) FROM messaging_recipient WHERE job_id = ANY(%s) AND state = %s "
            "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20",
            [list(jobs), RecipientState.FAILED],
        )
        return {code: int(number) for code, number in cursor.fetchall()}


def _times(executions: Sequence[Execution]) -> Times | None:
    """From the delivery events of the days the runs lasted; late ones of a finished run are looked for a week."""
    if not executions:
        return None
    first = min(execution.started_at for execution in executions).date()
    ends = [execution.finished_at for execution in executions]
    last = max(end for end in ends if end).date() + dt.timedelta(days=7) if all(ends) else dt.date.max
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT avg(seconds), percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds), count(*) FROM (
                SELECT greatest(extract(epoch FROM e.occurred_at - r.sent_at), 0)::float AS seconds
                FROM messaging_deliveryevent e JOIN messaging_recipient r ON r.id = e.recipient_id
                WHERE e.received_on BETWEEN %s AND %s AND e.job_id = ANY(%s) AND e.state = %s AND r.sent_at IS NOT NULL
                LIMIT %s
            ) AS delivered
            """,
            [first, last, [execution.job_id for execution in executions], RecipientState.DELIVERED, SAMPLE],
        )
        mean, p95, number = cursor.fetchone()
    return Times(float(mean), float(p95), int(number)) if number else None


def recipients_csv(execution: Execution, attributes: Sequence[str] = ()) -> Iterator[str]:
    """The people of a run as CSV, piece by piece in constant memory: who, what became of it, when, and the chosen attributes.

    The file begins with a byte order mark, so that spreadsheets read accents; cells that a spreadsheet would compute begin with an apostrophe.
    """
    header = [
        _("name"),
        _("phone"),
        _("e-mail"),
        _("status"),
        _("reason"),
        _("error code"),
        _("sent"),
        _("changed"),
        _("replied"),
    ]
    yield BYTE_ORDER_MARK + csv_lines([[*header, *attributes]])
    words = _Words(
        states={state.value: str(state.label) for state in RecipientState},
        reasons={reason.value: str(reason.label) if reason else "" for reason in Reason},
        yes=_("yes"),
        no=_("no"),
        zone=timezone.get_current_timezone(),
    )
    after = (0, -1)
    while rows := _page(execution.job_id, after):
        after = (rows[-1][0], rows[-1][1])
        yield csv_lines([_cells(row, attributes, words) for row in rows])


def _page(job_id: int, after: tuple[int, int]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.contact_id, r.step, c.name, c.phone, c.email, r.state, r.reason, r.code, r.sent_at, r.changed_at, c.attributes::text "
            "FROM messaging_recipient r LEFT JOIN messaging_contact c ON c.id = r.contact_id "
            "WHERE r.job_id = %s AND (r.contact_id, r.step) > (%s, %s) ORDER BY r.contact_id, r.step LIMIT %s",
            [job_id, *after, PAGE],
        )
        return list(cursor.fetchall())


@dataclass(frozen=True, slots=True)
class _Words:
    """What every row of a file needs in the reader's language and zone, looked up once."""

    states: Mapping[int, str]
    reasons: Mapping[int, str]
    yes: str
    no: str
    zone: dt.tzinfo


def _cells(row: tuple[Any, ...], attributes: Sequence[str], words: _Words) -> list[str]:
    _contact, _step, name, phone, email, state, reason, code, sent_at, changed_at, values = row
    known = orjson.loads(values) if attributes and values else {}
    replied = state in (RecipientState.REPLIED, RecipientState.COMPLETED)
    return [
        name or "",
        phone or "",
        email or "",
        words.states[state],
        words.reasons[reason],
        code or "",
        _time(sent_at, words.zone),
        _time(changed_at, words.zone),
        words.yes if replied else words.no,
        *("" if known.get(key) is None else str(known[key]) for key in attributes),
    ]


def _time(moment: dt.datetime | None, zone: dt.tzinfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}" if moment else ""
