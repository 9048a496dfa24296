"""Expired leases: what becomes of rows whose process was lost."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from agency.kit.queue import enqueue_after_commit
from agency.operations.audit import record_audit
from integrations.capabilities.messages import Recovery, recovery_of
from messaging.models import SendJob, Wave
from messaging.operations.claiming import LEASE_SECONDS
from messaging.states import LOST_CODE, JobState, Reason, RecipientState

ACTOR = Actor.system("messaging.sweep")
LOSSES = 3  # attempts that a row has at least before it is given up for the processes it lost: in the crowd, among a few, alone


@transaction.atomic
def settle_expired_leases(*, limit: int = 5_000) -> dict[str, int]:
    """Decide about rows whose lease ran out. Returns how many were put back, became unknown, and were given up.

    A row goes back to pending only if its provider drops repetitions of our key (and its job has no sender of another account, which knows
    nothing of that key), or if it never had a sender; otherwise it is *unknown*, which is final for the job. One that has been put back
    too often is given up, so that a row that kills its process cannot do so forever: a dead letter if it never had a sender, else unknown,
    for days later the provider has forgotten our key; a row put back remembers since when it may have been accepted. Its neighbours are not
    given up, for the claim separates them from it first. Each job's audit log tells that a process was lost, and with how many messages in
    hand.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT r.id, r.job_id, r.attempt, j.max_attempts, r.code, r.sender_id IS NOT NULL, c.service, EXISTS (
                SELECT FROM messaging_sender other WHERE other.id = ANY(j.sender_ids) AND other.connection_id <> s.connection_id)
            FROM messaging_recipient r JOIN messaging_sendjob j ON j.id = r.job_id
            LEFT JOIN messaging_sender s ON s.id = r.sender_id LEFT JOIN integrations_connection c ON c.id = s.connection_id
            WHERE r.state = 1 AND r.leased_until < now() ORDER BY r.id LIMIT %s FOR UPDATE OF r SKIP LOCKED
            """,
            [limit],
        )
        rows = cursor.fetchall()
        fates: dict[tuple[RecipientState, Reason], list[int]] = defaultdict(list)
        by_job: dict[int, Counter[str]] = defaultdict(Counter)
        for recipient_id, job_id, attempt, max_attempts, code, handed_over, service, mixed in rows:
            given_up = code == LOST_CODE and attempt >= max(max_attempts, LOSSES)
            # A service that cannot be told any more (its sender is gone) drops no repetitions that we know of.
            repeatable = service is not None and not mixed and recovery_of(service) is Recovery.DEDUPE
            fate = _fate(handed_over, repeatable, given_up=given_up)
            fates[fate].append(recipient_id)
            by_job[job_id][fate[0].name.lower()] += 1
        for (state, reason), ids in sorted(fates.items()):
            # An unknown row keeps its lease token: the lost process may yet come back with the provider's answer.
            cursor.execute(
                """
                WITH changed AS (
                    UPDATE messaging_recipient SET state = %(state)s, reason = %(reason)s, changed_at = now(), leased_until = NULL,
                        lease = CASE WHEN %(state)s = 5 THEN lease END, code = %(code)s, maybe_sent_at = CASE WHEN sender_id IS NOT NULL
                            THEN COALESCE(maybe_sent_at, leased_until - make_interval(secs => %(seconds)s)) END
                    WHERE id = ANY(%(ids)s) RETURNING job_id
                ), counted AS (SELECT job_id, count(*)::int AS number FROM changed WHERE %(state)s <> 0 GROUP BY job_id)
                INSERT INTO messaging_tally (job_id, state, reason, number)
                SELECT job_id, %(state)s, %(reason)s, number FROM counted UNION ALL SELECT job_id, 0, 0, -number FROM counted
                """,
                {"state": state, "reason": reason, "ids": ids, "code": LOST_CODE, "seconds": LEASE_SECONDS},
            )
    for job in SendJob.objects.filter(pk__in=by_job).select_related("client").order_by("pk"):
        record_audit(actor=ACTOR, action="lose_process", subject=job, client=job.client, after=dict(by_job[job.pk]))
    return {state.name.lower(): len(ids) for (state, _reason), ids in fates.items()}


def _fate(handed_over: bool, repeatable: bool, *, given_up: bool) -> tuple[RecipientState, Reason]:
    if handed_over and (given_up or not repeatable):
        return RecipientState.UNKNOWN, Reason.LEASE_EXPIRED
    if given_up:
        return RecipientState.FAILED, Reason.ATTEMPTS_EXHAUSTED
    return RecipientState.PENDING, Reason.NONE


@transaction.atomic
def give_up_job(*, job_id: int, since: datetime, limit: int = 20_000) -> int:
    """Up to `limit` due rows of a job whose batches end their process before they take a row become dead letters. Returns how many; none while
    a row of it is leased or has lost its process, for then it is that row which must be found; and none where anything has come of any row
    `since` then, for other processes send the job, and it is not what ends these."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH picked AS (
                SELECT id FROM messaging_recipient WHERE job_id = %(job)s AND state = 0 AND not_before <= now() AND NOT EXISTS (
                    SELECT FROM messaging_recipient WHERE job_id = %(job)s AND (state = 1 OR (state = 0 AND code = 'lease_expired')))
                    AND NOT EXISTS (
                    SELECT FROM messaging_recipient WHERE job_id = %(job)s AND changed_at > %(since)s AND (code = 'lease_expired') IS NOT TRUE)
                ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
            ), changed AS (
                UPDATE messaging_recipient r SET state = CASE WHEN r.maybe_sent_at IS NULL THEN 90 ELSE 5 END,
                    reason = CASE WHEN r.maybe_sent_at IS NULL THEN 15 ELSE 16 END, code = %(code)s, changed_at = now()
                FROM picked WHERE r.id = picked.id RETURNING new.state, new.reason
            ), counted AS (SELECT state, reason, count(*)::int AS number FROM changed GROUP BY state, reason),
            tallied AS (
                INSERT INTO messaging_tally (job_id, state, reason, number)
                SELECT %(job)s, state, reason, number FROM counted UNION ALL SELECT %(job)s, 0, 0, -number FROM counted
            )
            SELECT COALESCE(sum(number), 0) FROM counted
            """,
            {"job": job_id, "since": since, "limit": limit, "code": LOST_CODE},
        )
        (number,) = cursor.fetchone()
    if number:
        job = SendJob.objects.select_related("client").get(pk=job_id)
        record_audit(actor=ACTOR, action="lose_process", subject=job, client=job.client, after={"failed": int(number)})
    return int(number)


@transaction.atomic
def retry_given_up(
    *, job_id: int, actor: Actor, recipient_ids: Sequence[int] | None = None, limit: int = 100_000, why: str = ""
) -> int:
    """The dead letters of a job (all attempts failed), or those of them that are named, become pending again with fresh attempts; a job that
    had finished runs again. Returns how many. Raises `OperationRefused` for a cancelled job: nothing of it is sent any more."""
    job = SendJob.objects.select_for_update(of=("self",)).select_related("client").get(pk=job_id)
    if job.state == JobState.CANCELLED:
        raise OperationRefused("wrong_state", _("This job was cancelled; nothing of it is sent any more."))
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH picked AS (
                SELECT id FROM messaging_recipient WHERE job_id = %(job)s AND state = 90 AND reason = 15
                    AND (%(ids)s::bigint[] IS NULL OR id = ANY(%(ids)s)) ORDER BY id LIMIT %(limit)s FOR UPDATE
            ), changed AS (
                UPDATE messaging_recipient r SET state = 0, reason = 0, attempt = 0, code = NULL, not_before = now(), changed_at = now()
                FROM picked WHERE r.id = picked.id RETURNING 1
            ), counted AS (SELECT count(*)::int AS number FROM changed),
            tallied AS (
                INSERT INTO messaging_tally (job_id, state, reason, number)
                SELECT %(job)s, state, reason, sign * number FROM counted, (VALUES (0, 0, 1), (90, 15, -1)) AS t (state, reason, sign) WHERE number > 0
            )
            SELECT number FROM counted
            """,
            {"job": job_id, "limit": limit, "ids": None if recipient_ids is None else list(recipient_ids)},
        )
        (number,) = cursor.fetchone()
    if number:
        Wave.objects.filter(job_id=job_id).exclude(at_work=0).update(at_work=0)  # what was lost before counts no more
        SendJob.objects.filter(pk=job_id, state=JobState.FINISHED).update(
            state=JobState.RUNNING, finished_at=None, next_wave_at=Now()
        )
        SendJob.objects.filter(pk=job_id, state=JobState.RUNNING, next_wave_at__gt=Now()).update(next_wave_at=Now())
        record_audit(
            actor=actor,
            action="retry_given_up",
            subject=job,
            client=job.client,
            after={"messages": number},
            why=why,
        )
        enqueue_after_commit("messaging.dispatch_jobs")
    return int(number)
