"""Messaging's tasks: each loads by key and calls one operation or runner. A message is only a nudge."""

from celery import shared_task

from messaging.operations.imports import resume_imports as resume_stalled_imports
from messaging.operations.jobs import skip_cancelled as skip_cancelled_rows
from messaging.operations.senders import wake_crowded as wake_crowded_rows
from messaging.operations.waves import close_wave as close_one_wave
from messaging.operations.waves import dispatch_jobs as dispatch_waiting_jobs
from messaging.runners.batches import send_guarded
from messaging.runners.import_contacts import run_import
from messaging.runners.mail_checks import check_mail_domains as check_all_mail_domains
from messaging.runners.sweeping import sweep_jobs as sweep_all_jobs


@shared_task(name="messaging.dispatch_jobs")
def dispatch_jobs() -> None:
    """The dispatcher's round: opens waves for waiting jobs."""
    dispatch_waiting_jobs()


@shared_task(name="messaging.sweep_jobs")
def sweep_jobs() -> None:
    """Sets going again whatever has made no progress."""
    sweep_all_jobs()


@shared_task(name="messaging.send_batch", ignore_result=False)
def send_batch(wave_id: int, number: int, count: int) -> int:
    """One batch of a wave. Never raises, so that the wave's chord always completes; which rows it sends the claim decides."""
    return send_guarded(wave_id=wave_id, number=number, count=count)


@shared_task(name="messaging.close_wave")
def close_wave(wave_id: int) -> None:
    """The body of a wave's chord: closes it, once, and lets the dispatcher go on."""
    if close_one_wave(wave_id=wave_id):
        dispatch_waiting_jobs()


@shared_task(name="messaging.skip_cancelled")
def skip_cancelled(job_id: int) -> None:
    """Gives a cancelled job's pending rows their reason, a piece at a time."""
    while skip_cancelled_rows(job_id=job_id):
        continue


@shared_task(name="messaging.wake_crowded")
def wake_crowded(sender_id: int) -> None:
    """Tries again whom a full portfolio kept waiting, a piece at a time."""
    wake_crowded_rows(sender_id=sender_id)


@shared_task(name="messaging.import_contacts", time_limit=580)
def import_contacts(import_id: int) -> None:
    """Reads a file of contacts in. Its time limit stays below the visibility timeout; a longer one is taken up again."""
    run_import(import_id)


@shared_task(name="messaging.resume_imports")
def resume_imports() -> None:
    """Starts again the imports that have lost their process."""
    resume_stalled_imports()


@shared_task(name="messaging.check_mail_domains")
def check_mail_domains(slot: str = "") -> None:
    """Asks DNS about the domain of every e-mail sender. `slot` is the due time it is run for."""
    check_all_mail_domains()
