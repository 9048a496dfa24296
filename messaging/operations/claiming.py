"""Claiming: one short transaction takes due rows, checks for each person whether a message may go, and leases what may.

What may not be sent gets a final state and a reason, or a later time; nothing is left undecided.

A process that dies in here leaves no trace on the rows, for its transaction is rolled back. So after such a loss the rows are set aside first,
in a transaction of their own, and those that lost a process are claimed in small groups and at last alone: a row that kills whoever touches
it becomes a dead letter, and the others are sent.
"""

import secrets
from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import orjson
from django.db import connection, transaction

from agency.kit import arrays
from agency.selectors.freeze import FROZEN
from integrations.capabilities.messages import dedupe_for
from messaging.kit.audiences import still_in
from messaging.rules.policy import ConsentRule, ContactFacts, Never, not_before
from messaging.rules.rendering import Rendered, TemplateInvalid, VariableMissing, person_values
from messaging.selectors.plans import JobPlan
from messaging.states import ChannelKind, ConsentState, JobState, Reason, RecipientState

LEASE_SECONDS = 30
LOST_GROUP = 16  # rows claimed together that have lost one process; those that have lost two are claimed alone
PORTFOLIO_FULL = "portfolio_full"  # the code of a row that waits for room in its sender's portfolio


@dataclass(frozen=True, slots=True)
class Claimed:
    """One leased row, rendered and addressed."""

    recipient_id: int
    contact_id: int
    attempt: int
    sender_id: int
    address: str
    rendered: Rendered
    doubted: bool = False  # an earlier attempt may have been accepted


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one claim took. `unused` are tokens, per sender, of rows that turned out not to be sent. `job_running`: more may be claimed."""

    lease: int
    rows: tuple[Claimed, ...]
    looked_at: int
    unused: Mapping[int, int]
    job_running: bool


@dataclass(frozen=True, slots=True)
class SetAside:
    """Rows leased ahead of their claim: without a sender, for nothing of them has been handed over, or with the one that may have."""

    lease: int
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Verdict:
    recipient_id: int
    state: RecipientState
    reason: Reason
    not_before: datetime | None = None
    code: str | None = None


# One look answers both: whether the job runs, and whether everything stands still.
_GOING = "SELECT state = %s AND NOT {frozen} FROM messaging_sendjob WHERE id = %s"
# The negation is written so because the planner takes `IS DISTINCT FROM` for rare in a column that is nearly always NULL.
_DUE = """
    SELECT id, contact_id FROM messaging_recipient
    WHERE job_id = %(job)s AND state = 0 AND not_before <= now() AND (code = 'lease_expired') IS NOT TRUE
    ORDER BY not_before, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""
_ASIDE = """
    SELECT id, contact_id FROM messaging_recipient
    WHERE id = ANY(%(aside)s) AND state = 1 AND lease = %(lease)s ORDER BY id FOR UPDATE
"""
_LOST = """
    SELECT id FROM (
        SELECT id, attempt, row_number() OVER (ORDER BY attempt, id) AS place FROM (
            SELECT id, attempt FROM messaging_recipient
            WHERE job_id = %(job)s AND state = 0 AND code = 'lease_expired' AND not_before <= now()
            ORDER BY attempt, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
        ) AS lost
    ) AS placed WHERE attempt < 2 OR place = 1
"""
_SET_ASIDE = """
WITH due AS MATERIALIZED ({due})
UPDATE messaging_recipient r
SET state = 1, lease = %(lease)s, leased_until = now() + make_interval(secs => %(seconds)s), attempt = r.attempt + 1,
    sender_id = CASE WHEN r.code = 'lease_expired' OR r.maybe_sent_at IS NOT NULL THEN r.sender_id END
FROM due WHERE r.id = due.id AND EXISTS (SELECT FROM messaging_sendjob WHERE id = %(job)s AND state = 1 AND NOT {frozen})
RETURNING r.id
"""

_TAKE = """
WITH due AS MATERIALIZED ({due}), numbered AS (SELECT id, contact_id, row_number() OVER (ORDER BY id) AS place FROM due),
taken AS (
    UPDATE messaging_recipient r
    SET state = 1, lease = %(lease)s, leased_until = now() + make_interval(secs => %(seconds)s), attempt = r.attempt + %(attempt)s,
        sender_id = (%(senders)s::bigint[])[n.place]
    FROM numbered n WHERE r.id = n.id
    RETURNING r.id, r.contact_id, r.attempt, r.sender_id, r.maybe_sent_at,
              CASE WHEN r.maybe_sent_at IS NOT NULL THEN old.sender_id END AS earlier
)
SELECT t.id, t.contact_id, t.attempt, t.sender_id, c.id IS NOT NULL, c.name, c.phone, c.email, c.whatsapp_id, c.language, c.time_zone,
       c.attributes, c.quiet_until, s.reason, k.state, t.maybe_sent_at, t.earlier
FROM taken t
LEFT JOIN messaging_contact c ON c.id = t.contact_id
LEFT JOIN LATERAL (
    SELECT s.reason FROM messaging_suppression s WHERE s.client_id = %(client)s AND s.channel = %(channel)s AND s.address IN ({addresses})
    ORDER BY s.reason <> 'opted_out' LIMIT 1
) s ON true
LEFT JOIN messaging_consent k ON k.contact_id = t.contact_id AND k.channel = %(channel)s
ORDER BY t.id
"""

# Under which of a contact's addresses a suppression of the channel may be kept: a WhatsApp person may be known by either.
_SUPPRESSED_BY: Mapping[ChannelKind, str] = {
    ChannelKind.WHATSAPP: "c.phone, c.whatsapp_id",
    ChannelKind.EMAIL: "c.email",
    ChannelKind.SMS: "c.phone",
}

_SETTLE = """
WITH verdict AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(states)s::smallint[], %(reasons)s::smallint[], %(times)s::timestamptz[], %(codes)s::text[])
    AS v (id, state, reason, not_before, code)
), changed AS (
    UPDATE messaging_recipient r
    SET state = v.state, reason = v.reason, not_before = COALESCE(v.not_before, r.not_before), lease = NULL,
        code = CASE WHEN v.state = 0 AND r.code = 'lease_expired' THEN r.code ELSE v.code END,
        leased_until = NULL, attempt = r.attempt - 1, changed_at = now()
    FROM verdict v WHERE r.id = v.id AND r.lease = %(lease)s AND r.state = 1
    RETURNING new.state, new.reason
), counted AS (SELECT state, reason, count(*)::int AS number FROM changed WHERE state <> 0 GROUP BY state, reason)
INSERT INTO messaging_tally (job_id, state, reason, number)
SELECT %(job)s, state, reason, number FROM counted
UNION ALL SELECT %(job)s, 0, 0, -sum(number)::int FROM counted HAVING sum(number) > 0
"""


def _spread(grants: Mapping[int, int]) -> list[int]:
    """Sender ids in turn, each as often as it was granted."""
    left = dict(grants)
    order: list[int] = []
    while left:
        for sender_id in list(left):
            order.append(sender_id)
            left[sender_id] -= 1
            if left[sender_id] == 0:
                del left[sender_id]
    return order


@transaction.atomic
def set_aside_rows(*, job_id: int, limit: int, lost: bool) -> SetAside:
    """Lease due rows of a running job ahead of their claim: with `lost` those that lost their process before (a few, or one), else others."""
    lease = secrets.randbits(62)
    with connection.cursor() as cursor:
        cursor.execute(
            _SET_ASIDE.format(due=_LOST if lost else _DUE, frozen=FROZEN),
            {
                "job": job_id,
                "limit": min(limit, LOST_GROUP) if lost else limit,
                "lease": lease,
                "seconds": LEASE_SECONDS,
            },
        )
        return SetAside(lease, tuple(sorted(row[0] for row in cursor.fetchall())))


@transaction.atomic
def claim_chunk(*, plan: JobPlan, grants: Mapping[int, int], now: datetime, aside: SetAside | None = None) -> Chunk:
    """Lease up to the granted number of due rows of a running job, oldest first, or go on with those set aside; none while all is frozen."""
    senders = _spread({sender_id: number for sender_id, number in grants.items() if number > 0})
    lease = aside.lease if aside else secrets.randbits(62)
    with connection.cursor() as cursor:
        cursor.execute(_GOING.format(frozen=FROZEN), [JobState.RUNNING, plan.job_id])
        running = cursor.fetchone() == (True,)
        if not running or not senders:
            if aside:
                _settle(plan, lease, [_Verdict(row, RecipientState.PENDING, Reason.NONE) for row in aside.ids])
            return Chunk(lease, (), 0, dict(grants), job_running=running)
        cursor.execute(
            _TAKE.format(due=_ASIDE if aside else _DUE, addresses=_SUPPRESSED_BY[plan.channel]),
            {
                "aside": arrays.numbers(aside.ids) if aside else None,
                "attempt": 0 if aside else 1,
                "job": plan.job_id,
                "limit": len(senders),
                "lease": lease,
                "seconds": LEASE_SECONDS,
                "senders": arrays.numbers(senders),
                "client": plan.client_id,
                "channel": plan.channel,
            },
        )
        taken = cursor.fetchall()
    people = [row[1] for row in taken]
    recent = _recent_sends(plan, people, now)
    left = set(people).difference(
        still_in(plan.audience, job_id=plan.job_id, contact_ids=people, now=now) if plan.audience else people
    )
    rows: list[Claimed] = []
    verdicts: list[_Verdict] = []
    unused: dict[int, int] = defaultdict(int)
    for sender_id in senders[len(taken) :]:
        unused[sender_id] += 1
    openings: dict[str, datetime | Never] = {}
    for row in taken:
        decided = _decide(plan, row, recent.get(row[1], ()), row[1] in left, now, openings)
        if row[-2] is not None:
            decided = _doubt(plan, row, decided, now)
        if isinstance(decided, Claimed):
            rows.append(decided)
        else:
            verdicts.append(decided)
            unused[row[3]] += 1
    _settle(plan, lease, verdicts)
    return Chunk(lease, tuple(rows), len(taken), unused, job_running=True)


def _decide(
    plan: JobPlan,
    row: Sequence[Any],
    recent: Sequence[datetime],
    left: bool,
    now: datetime,
    openings: dict[str, datetime | Never],
) -> Claimed | _Verdict:
    """The one place where a claimed row is let through, put off, or given its reason.

    `openings` keeps, for one claim, the answer by time zone for people without facts of their own.
    """
    (recipient_id, contact_id, attempt, sender_id, exists, name, phone, email, whatsapp_id, language, zone) = row[:11]
    attributes, quiet_until, suppressed, consent, maybe_sent_at, _earlier = row[11:]
    skipped = RecipientState.SKIPPED
    address = (
        email
        if plan.channel == ChannelKind.EMAIL
        else phone or (whatsapp_id if plan.channel == ChannelKind.WHATSAPP else None)
    )
    if not exists or not address:
        return _Verdict(recipient_id, skipped, Reason.INVALID_ADDRESS)
    if suppressed is not None:
        return _Verdict(
            recipient_id, skipped, Reason.OPTED_OUT if suppressed == "opted_out" else Reason.SUPPRESSED, code=suppressed
        )
    if consent == ConsentState.WITHDRAWN:
        return _Verdict(recipient_id, skipped, Reason.OPTED_OUT)
    if plan.policy.consent is ConsentRule.REQUIRED and consent != ConsentState.GRANTED:
        return _Verdict(recipient_id, skipped, Reason.NO_CONSENT)
    if left:
        return _Verdict(recipient_id, skipped, Reason.LEFT_SEGMENT)
    if quiet_until is None and not recent and zone in openings:
        allowed = openings[zone]
    else:
        where = plan.policy.zone_name(agency=plan.agency_zone, client=plan.client_zone, contact=zone or "")
        allowed = not_before(ContactFacts(where, quiet_until, tuple(recent)), plan.policy, now)
        if quiet_until is None and not recent:
            openings[zone] = allowed
    if isinstance(allowed, Never):
        return _Verdict(recipient_id, skipped, allowed.reason)
    if allowed > now:
        return _Verdict(recipient_id, RecipientState.PENDING, Reason.NONE, not_before=allowed)
    values = {
        "contact": person_values(
            name=name,
            phone=phone,
            email=email,
            language=language,
            attributes=orjson.loads(attributes) if plan.template.uses_attributes else {},
        ),
        **plan.variables,
    }
    try:
        rendered = plan.template.fill(values)
    except VariableMissing as error:
        return _Verdict(recipient_id, skipped, Reason.MISSING_VARIABLE, code=error.name)
    except TemplateInvalid as error:
        return _Verdict(recipient_id, RecipientState.FAILED, Reason.PROVIDER_REFUSED, code=f"template: {error}"[:200])
    return Claimed(recipient_id, contact_id, attempt, sender_id, address, rendered, doubted=maybe_sent_at is not None)


def _doubt(plan: JobPlan, row: Sequence[Any], decided: Claimed | _Verdict, now: datetime) -> Claimed | _Verdict:
    """What an earlier attempt that may have been accepted leaves of the decision: it is repeated only at the account that knows our key, and
    only while that account remembers it; and nobody says of it that it was not sent."""
    since, earlier = row[-2:]
    account = plan.accounts.get(earlier)
    unknown = partial(_Verdict, row[0], RecipientState.UNKNOWN, Reason.LEASE_EXPIRED)
    if account is None or account != plan.accounts.get(row[3]) or now - since >= dedupe_for(account.service):
        return unknown(code="not_repeatable")
    if isinstance(decided, _Verdict) and decided.state is not RecipientState.PENDING:
        return unknown(code=decided.reason.name.lower())
    return decided


def _recent_sends(plan: JobPlan, contact_ids: Sequence[int], now: datetime) -> Mapping[int, list[datetime]]:
    """When these people were last written to, or may have been (in hand elsewhere, unknown), in the client's jobs of the cap's period.

    Asked only where there is a cap.
    """
    cap = plan.policy.cap
    if cap is None or not contact_ids:
        return {}
    found: dict[int, list[datetime]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT r.contact_id, COALESCE(r.sent_at, r.changed_at, %s) FROM messaging_recipient r
            WHERE r.job_id = ANY(ARRAY(
                SELECT id FROM messaging_sendjob WHERE client_id = %s AND (finished_at IS NULL OR finished_at > %s - make_interval(days => %s))
            )) AND r.contact_id = ANY(%s) AND (
                r.sent_at > %s - make_interval(days => %s)
                OR (r.state = 1 AND r.job_id <> %s) OR (r.state = 5 AND r.changed_at > %s - make_interval(days => %s)))
            """,
            [
                *(now, plan.client_id, now, cap.days, list(contact_ids), now, cap.days),
                *(plan.job_id, now, cap.days),
            ],
        )
        for contact_id, sent_at in cursor.fetchall():
            found[contact_id].append(sent_at)
    return found


def _settle(plan: JobPlan, lease: int, verdicts: Sequence[_Verdict]) -> None:
    if not verdicts:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _SETTLE,
            {
                "job": plan.job_id,
                "lease": lease,
                "ids": arrays.numbers([verdict.recipient_id for verdict in verdicts]),
                "states": arrays.numbers([verdict.state for verdict in verdicts]),
                "reasons": arrays.numbers([verdict.reason for verdict in verdicts]),
                "times": arrays.times([verdict.not_before for verdict in verdicts]),
                "codes": arrays.texts([verdict.code for verdict in verdicts]),
            },
        )


@transaction.atomic
def release_rows(
    *, plan: JobPlan, lease: int, waits: Mapping[int, datetime], crowded: Container[int] = frozenset()
) -> None:
    """Give back leased rows that a pair or portfolio limit does not let through yet: pending again, no attempt used. `crowded` are those whom
    a full portfolio keeps waiting, so that they can be woken when it has room."""
    verdicts = [
        _Verdict(
            row, RecipientState.PENDING, Reason.NONE, not_before=until, code=PORTFOLIO_FULL if row in crowded else None
        )
        for row, until in sorted(waits.items())
    ]
    _settle(plan, lease, verdicts)


@transaction.atomic
def renew_leases(*, leases: Sequence[int], seconds: int = LEASE_SECONDS) -> int:
    """Keep the rows of these claims for another `seconds`, as their holder does every 10 seconds. Returns the rows kept."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE messaging_recipient SET leased_until = now() + make_interval(secs => %s)
            WHERE id = ANY(ARRAY(SELECT id FROM messaging_recipient WHERE state = 1 AND leased_until > now() AND lease = ANY(%s) ORDER BY id FOR UPDATE))
            """,
            [seconds, list(leases)],
        )
        return int(cursor.rowcount)
