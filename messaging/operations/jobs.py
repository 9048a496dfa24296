"""A send job's life: open, fill, release, pause, resume, cancel, change its limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from psycopg import sql

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from agency.kit.queue import enqueue_after_commit
from agency.models import Client
from agency.operations.audit import record_audit
from messaging.models import Contact, SendJob, TemplateVersion
from messaging.operations.senders import wake_crowded
from messaging.states import DEFAULT_PRIORITY, ChannelKind, JobState, MessageKind, Reason, RecipientState

ADDRESS_FIELD: Mapping[ChannelKind, str] = {
    ChannelKind.WHATSAPP: "phone",
    ChannelKind.SMS: "phone",
    ChannelKind.EMAIL: "email",
}

RECIPIENTS_LOCK = 0x72656369  # advisory lock with the job: one writer of its recipients at a time


@dataclass(frozen=True, slots=True)
class JobOrder:
    """What a send job shall be. `priority` 0 means the kind's default; limits of None mean none of the job's own.

    `audience` names a registered check for people who may leave before their turn; empty: whoever was added stays.
    """

    client: Client
    kind: MessageKind
    channel: ChannelKind
    sender_ids: Sequence[int]
    template_version: TemplateVersion | None = None
    subject: str = ""
    text: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)
    audience: str = ""
    priority: int = 0
    rate_per_hour: int | None = None
    max_per_day: int | None = None
    max_attempts: int = 3


@transaction.atomic
def open_job(*, order: JobOrder, actor: Actor) -> SendJob:
    """Open a job in state *preparing*: recipients may be added, nothing is sent before `complete_audience`."""
    if not order.sender_ids:
        raise OperationRefused("no_sender", _("Choose at least one sender."))
    job = SendJob.objects.create(
        client=order.client,
        kind=order.kind,
        priority=order.priority or DEFAULT_PRIORITY[order.kind],
        channel=order.channel,
        template_version=order.template_version,
        subject=order.subject,
        text=order.text,
        variables=dict(order.variables),
        sender_ids=list(order.sender_ids),
        policy=dict(order.policy),
        audience=order.audience,
        rate_per_hour=order.rate_per_hour,
        max_per_day=order.max_per_day,
        max_attempts=order.max_attempts,
        created_by_id=actor.user_id,
    )
    record_audit(
        actor=actor,
        action="open_job",
        subject=job,
        client=order.client,
        after={"kind": order.kind, "senders": list(order.sender_ids)},
    )
    return job


def _has_address(channel: ChannelKind) -> Q:
    wanted = Q(**{f"{ADDRESS_FIELD[channel]}__isnull": False})
    return wanted | Q(whatsapp_id__isnull=False) if channel == ChannelKind.WHATSAPP else wanted


@transaction.atomic
def add_recipients(
    *,
    job: SendJob,
    contacts: QuerySet[Contact],
    after_id: int = 0,
    up_to_id: int,
    step: int = 0,
    not_before: datetime | None = None,
) -> int:
    """Add the contacts with `after_id < id <= up_to_id` in one INSERT … SELECT; the query names each once. Returns how many rows are new.

    People without an address on the job's channel are added as skipped, so that whoever was targeted has a reason. Adding the same contacts
    again changes nothing (unique job, contact, step).
    """
    channel = ChannelKind(job.channel)
    chosen = (
        contacts.filter(client_id=job.client_id, id__gt=after_id, id__lte=up_to_id)
        .order_by()
        .annotate(
            new_state=Case(
                When(_has_address(channel), then=Value(RecipientState.PENDING.value)),
                default=Value(RecipientState.SKIPPED.value),
                output_field=IntegerField(),
            ),
        )
        .values_list("id", "new_state")
    )
    query, parameters = chosen.query.sql_with_params()
    with connection.cursor() as cursor:
        # One writer of a job's recipients at a time, and those it has are left out beforehand: ON CONFLICT costs a fifth more.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [RECIPIENTS_LOCK, job.pk & 0x7FFFFFFF])
        cursor.execute(
            sql.SQL("""
            WITH chosen (contact_id, state) AS ({chosen}),
            added AS (
                INSERT INTO messaging_recipient (job_id, contact_id, step, state, reason, attempt, not_before)
                SELECT %s, contact_id, %s, state, CASE WHEN state = %s THEN %s ELSE 0 END, 0, COALESCE(%s, now())
                FROM chosen
                WHERE NOT EXISTS (
                    SELECT FROM messaging_recipient known
                    WHERE known.job_id = %s AND known.contact_id = chosen.contact_id AND known.step = %s
                      AND known.contact_id > %s AND known.contact_id <= %s
                )
                RETURNING state, reason
            ),
            counted AS (SELECT state, reason, count(*)::int AS number FROM added GROUP BY state, reason),
            tallied AS (INSERT INTO messaging_tally (job_id, state, reason, number) SELECT %s, state, reason, number FROM counted)
            SELECT COALESCE(sum(number), 0) FROM counted
            """).format(chosen=sql.SQL(query)),
            [
                *parameters,
                *(job.pk, step, RecipientState.SKIPPED, Reason.INVALID_ADDRESS, not_before),
                *(job.pk, step, after_id, up_to_id),
                job.pk,
            ],
        )
        (added,) = cursor.fetchone()
    return int(added)


@transaction.atomic
def complete_audience(*, job_id: int) -> None:
    """Every recipient has been added: release the job to the dispatcher (unless it was paused or cancelled meanwhile)."""
    SendJob.objects.filter(pk=job_id, audience_complete=False).update(
        audience_complete=True,
        state=Case(
            When(state=JobState.PREPARING, then=Value(JobState.RUNNING.value)),
            default=F("state"),
            output_field=IntegerField(),
        ),
        started_at=Now(),
        next_wave_at=Now(),
    )
    enqueue_after_commit("messaging.dispatch_jobs")


def _locked(job_id: int, allowed: Sequence[JobState], verb: str) -> SendJob:
    job = SendJob.objects.select_for_update().get(pk=job_id)
    if job.state not in allowed:
        raise OperationRefused(
            "wrong_state",
            _("This job is %(state)s; it cannot be %(verb)s.") % {"state": job.get_state_display(), "verb": verb},
        )
    return job


@transaction.atomic
def pause_job(*, job_id: int, actor: Actor, why: str = "") -> SendJob:
    """Stop claiming at once; what is in hand is finished. Pausing a paused job changes nothing."""
    job = _locked(job_id, (JobState.PREPARING, JobState.RUNNING, JobState.PAUSED), pgettext("it cannot be …", "paused"))
    if job.state != JobState.PAUSED:
        before, job.state, job.next_wave_at = job.state, JobState.PAUSED, None
        job.save(update_fields=["state", "next_wave_at"])
        record_audit(
            actor=actor,
            action="pause_job",
            subject=job,
            client=job.client,
            before={"state": before},
            after={"state": job.state},
            why=why,
        )
    return job


@transaction.atomic
def resume_job(*, job_id: int, actor: Actor) -> SendJob:
    """Go on where the pause began. Resuming a running job changes nothing."""
    job = _locked(
        job_id, (JobState.PAUSED, JobState.RUNNING, JobState.PREPARING), pgettext("it cannot be …", "resumed")
    )
    if job.state == JobState.PAUSED:
        job.state = JobState.RUNNING if job.audience_complete else JobState.PREPARING
        job.save(update_fields=["state"])
        SendJob.objects.filter(pk=job.pk).update(next_wave_at=Now())
        record_audit(
            actor=actor,
            action="resume_job",
            subject=job,
            client=job.client,
            before={"state": JobState.PAUSED},
            after={"state": job.state},
        )
        enqueue_after_commit("messaging.dispatch_jobs")
    return job


@transaction.atomic
def cancel_job(*, job_id: int, actor: Actor, why: str = "") -> SendJob:
    """Send nothing more. What was not handed to the provider becomes skipped (cancelled), by a task that the sweep repeats until done."""
    job = _locked(
        job_id,
        (JobState.PREPARING, JobState.RUNNING, JobState.PAUSED, JobState.CANCELLED),
        pgettext("it cannot be …", "cancelled"),
    )
    if job.state != JobState.CANCELLED:
        before, job.state, job.next_wave_at = job.state, JobState.CANCELLED, None
        job.save(update_fields=["state", "next_wave_at"])
        record_audit(
            actor=actor,
            action="cancel_job",
            subject=job,
            client=job.client,
            before={"state": before},
            after={"state": job.state},
            why=why,
        )
        enqueue_after_commit("messaging.skip_cancelled", job.pk)
    return job


@transaction.atomic
def skip_cancelled(*, job_id: int, limit: int = 20_000) -> int:
    """Turn up to `limit` pending rows of a cancelled job into skipped (cancelled), or unknown where an earlier attempt may have been accepted;
    when none is open any more the job is finished."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH picked AS (
                SELECT r.id FROM messaging_recipient r JOIN messaging_sendjob j ON j.id = r.job_id
                WHERE r.job_id = %(job)s AND r.state = 0 AND j.state = 4 ORDER BY r.id LIMIT %(limit)s FOR UPDATE OF r SKIP LOCKED
            ), changed AS (
                UPDATE messaging_recipient r SET state = CASE WHEN r.maybe_sent_at IS NULL THEN 80 ELSE 5 END,
                    reason = CASE WHEN r.maybe_sent_at IS NULL THEN 13 ELSE 16 END, changed_at = now()
                FROM picked WHERE r.id = picked.id RETURNING new.state, new.reason
            ), counted AS (SELECT state, reason, count(*)::int AS number FROM changed GROUP BY state, reason),
            tallied AS (
                INSERT INTO messaging_tally (job_id, state, reason, number)
                SELECT %(job)s, state, reason, number FROM counted UNION ALL SELECT %(job)s, 0, 0, -number FROM counted
            )
            SELECT COALESCE(sum(number), 0) FROM counted
            """,
            {"job": job_id, "limit": limit},
        )
        (number,) = cursor.fetchone()
        if number == 0:
            cursor.execute(
                """
                UPDATE messaging_sendjob SET finished_at = now()
                WHERE id = %(job)s AND state = 4 AND finished_at IS NULL
                  AND NOT EXISTS (SELECT 1 FROM messaging_recipient WHERE job_id = %(job)s AND state = 0)
                  AND NOT EXISTS (SELECT 1 FROM messaging_recipient WHERE job_id = %(job)s AND state = 1)
                """,
                {"job": job_id},
            )
    return int(number)


@transaction.atomic
def change_job_limits(
    *,
    job_id: int,
    rate_per_hour: int | None,
    max_per_day: int | None,
    priority: int,
    sender_ids: Sequence[int],
    actor: Actor,
) -> SendJob:
    """Change how fast, how urgently and by whom a job is sent; the next claim obeys."""
    job = _locked(
        job_id, (JobState.PREPARING, JobState.RUNNING, JobState.PAUSED), pgettext("it cannot be …", "changed")
    )
    if not sender_ids:
        raise OperationRefused("no_sender", _("Choose at least one sender."))
    names = ("rate_per_hour", "max_per_day", "priority", "sender_ids")
    before = {name: getattr(job, name) for name in names}
    job.rate_per_hour, job.max_per_day, job.priority, job.sender_ids = (
        rate_per_hour,
        max_per_day,
        priority,
        list(sender_ids),
    )
    job.save(update_fields=list(names))
    SendJob.objects.filter(pk=job.pk, state=JobState.RUNNING, next_wave_at__isnull=False).update(next_wave_at=Now())
    for sender_id in sorted(set(sender_ids).difference(before["sender_ids"])):
        wake_crowded(sender_id=sender_id)  # its portfolio may have room for whom the others' had none
    record_audit(
        actor=actor,
        action="change_job_limits",
        subject=job,
        client=job.client,
        before=before,
        after={name: getattr(job, name) for name in names},
    )
    return job
