"""The sweep: finds whatever has made no progress and sets it going again. Every ten seconds, one at a time."""

from dataclasses import dataclass

from django.db import connection, transaction

from agency.kit import metrics
from agency.kit.queue import enqueue
from messaging.limits import limiter
from messaging.models import SendJob
from messaging.operations.deliveries import apply_early_reports
from messaging.operations.leases import settle_expired_leases
from messaging.operations.totals import fold_tallies
from messaging.operations.waves import close_wave, dispatch_jobs, stale_waves, wake_jobs
from messaging.selectors.limits import recent_sends
from messaging.states import JobState

SWEEP_LOCK = 0x73776570  # advisory lock of the connection's transaction


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What one sweep repaired."""

    expired: int
    waves_closed: int
    jobs_woken: int
    early_applied: int
    limiter_rebuilt: bool


def sweep_jobs() -> SweepReport | None:
    """Expired leases, stale waves, sleeping jobs, early reports, tallies, cancelled jobs, lost limiter counters. None: another sweep runs."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [SWEEP_LOCK])
            (alone,) = cursor.fetchone()
        if not alone:
            return None
        expired = sum(settle_expired_leases().values())
    closed = sum(close_wave(wave_id=wave_id) for wave_id in stale_waves())
    woken = wake_jobs()
    early = apply_early_reports()
    while fold_tallies() == 50_000:
        continue
    rebuilt = rebuild_limiter()
    for job_id in SendJob.objects.filter(state=JobState.CANCELLED, finished_at__isnull=True).values_list(
        "pk", flat=True
    ):
        enqueue("messaging.skip_cancelled", job_id)
    if expired or closed or woken or rebuilt:
        dispatch_jobs()
    metrics.add("lease_expiries", expired)
    for what, number in (("wave", closed), ("job", woken), ("status", early), ("limiter", int(rebuilt))):
        metrics.add("sweep_repairs", number, what=what)
    return SweepReport(expired, closed, woken, early, rebuilt)


def rebuild_limiter() -> bool:
    """Refill the limiter from the recipient rows when Redis has lost its counters. Returns whether it had."""
    try:
        if limiter.is_ready():
            return False
        past, people = recent_sends()
        limiter.rebuild(past, people)
    except limiter.LimiterUnavailable:
        return False
    return True
