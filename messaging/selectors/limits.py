"""What senders and jobs may send now, and what they sent lately."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from django.db import connection
from django.db.models import QuerySet

from messaging.limits.limiter import JobLimits, PastSends, SenderLimits
from messaging.models import Sender, SendJob
from messaging.states import SenderState


def warm_up_limit(steps: Sequence[Sequence[int]], begun: date | None, today: date) -> int:
    """Messages per day that a warm-up of `[day, messages per day]` steps allows today (day 1 is the first); 0 when it is over or absent."""
    if begun is None or not steps:
        return 0
    day = (today - begun).days + 1
    reached = [
        per_day for first_day, per_day in sorted((int(step[0]), int(step[1])) for step in steps) if first_day <= day
    ]
    last_day = max(int(step[0]) for step in steps)
    if day > last_day:
        return 0
    return reached[-1] if reached else min(int(step[1]) for step in steps)


def limits_of(sender: Sender, today: date) -> SenderLimits:
    """A sender's present limits, warm-up included."""
    ramp = warm_up_limit(sender.warm_up, sender.warm_up_from, today)
    per_day = min(filter(None, (sender.per_day or 0, ramp)), default=0)
    return SenderLimits(
        sender_id=sender.pk,
        per_second=sender.per_second or 0,
        per_minute=sender.per_minute or 0,
        per_hour=sender.per_hour or 0,
        per_day=per_day,
    )


def active_senders(job: SendJob) -> QuerySet[Sender]:
    """The job's senders that may send now: active, with an enabled connection."""
    return (
        Sender.objects.filter(pk__in=job.sender_ids, state=SenderState.ACTIVE, connection__enabled=True)
        .select_related("connection")
        .order_by("pk")
    )


def job_limits(job: SendJob) -> JobLimits:
    """The job's own limits."""
    return JobLimits(job_id=job.pk, per_hour=job.rate_per_hour or 0, per_day=job.max_per_day or 0)


def recent_sends() -> tuple[list[PastSends], list[tuple[str, int, int]]]:
    """What was sent, or is in hand, in the last 24 hours, by sender, job and minute; and the people each portfolio wrote to."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT array_agg(id) FROM messaging_sendjob "
            "WHERE started_at IS NOT NULL AND (finished_at IS NULL OR finished_at > now() - interval '25 hours')"
        )
        jobs = cursor.fetchone()[0] or []
        cursor.execute(
            """
            SELECT sender_id, job_id,
                   (extract(epoch FROM date_trunc('minute', COALESCE(sent_at, changed_at, now()))) * 1000)::bigint, count(*)
            FROM messaging_recipient
            WHERE job_id = ANY(%s) AND sender_id IS NOT NULL
              AND (sent_at > now() - interval '25 hours' OR state = 1 OR (state = 5 AND changed_at > now() - interval '25 hours'))
            GROUP BY 1, 2, 3
            """,
            [jobs],
        )
        past = [PastSends(*row) for row in cursor.fetchall()]
        cursor.execute(
            """
            SELECT s.portfolio, r.contact_id, (extract(epoch FROM max(COALESCE(r.sent_at, now()))) * 1000)::bigint
            FROM messaging_recipient r JOIN messaging_sender s ON s.id = r.sender_id
            WHERE r.job_id = ANY(%s) AND s.portfolio <> '' AND s.portfolio_per_day IS NOT NULL
              AND (r.sent_at > now() - interval '24 hours' OR r.state IN (1, 5))
            GROUP BY 1, 2
            """,
            [jobs],
        )
        people = [(row[0], row[1], row[2]) for row in cursor.fetchall()]
    return past, people


def allowances(senders: Iterable[Sender], today: date) -> Mapping[int, SenderLimits]:
    """Present limits by sender id."""
    return {sender.pk: limits_of(sender, today) for sender in senders}
