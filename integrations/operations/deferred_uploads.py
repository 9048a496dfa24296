"""Files that wait for a store. Their content is the client's; the rows are a machine's list of work: no audit entry but those of alerts."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.operations.alerts import clear_alert, raise_alert
from agency.states import AlertSeverity
from integrations.models import DeferredUpload

ALERT = "deferred_uploads"
LEASE = timedelta(minutes=10)  # for which whoever took an upload has it alone
LONGEST_WAIT = timedelta(hours=1)
ALERT_AFTER = timedelta(hours=1)


@transaction.atomic
def defer_upload(
    *, bucket: str, key: str, content: bytes, content_type: str, client_id: int | None, now: datetime, why: str
) -> DeferredUpload:
    """Keep a file until a store takes it; the newest content of a key replaces what waited."""
    waiting, _is_new = DeferredUpload.objects.update_or_create(
        bucket=bucket,
        key=key,
        defaults={
            "content": content,
            "content_type": content_type,
            "client_id": client_id,
            "since": now,
            "tries": 0,
            "next_try_at": now + timedelta(minutes=1),
            "text": why[:300],
        },
    )
    return waiting


@transaction.atomic
def take_due_upload(*, now: datetime) -> DeferredUpload | None:
    """The upload that has waited longest for its turn, for this process alone for ten minutes; None when none is due."""
    due = DeferredUpload.objects.select_for_update(skip_locked=True, of=("self",)).filter(next_try_at__lte=now)
    taken = due.order_by("next_try_at").first()
    if taken is not None:
        taken.next_try_at, taken.tries = now + LEASE, taken.tries + 1
        taken.save(update_fields=["next_try_at", "tries"])
    return taken


@transaction.atomic
def forget_upload(*, bucket: str, key: str, since: datetime | None = None) -> bool:
    """A store has the file: it waits no more. With `since` only that content, not one that came later. Whether something waited."""
    waiting = DeferredUpload.objects.filter(bucket=bucket, key=key)
    if since is not None:
        waiting = waiting.filter(since=since)
    return waiting.delete()[0] > 0


@transaction.atomic
def postpone_upload(*, upload_id: int, now: datetime, why: str) -> None:
    """No store took it: again in 2, 4, 8 … minutes, at most an hour; it is never given up."""
    waiting = DeferredUpload.objects.select_for_update(of=("self",)).filter(pk=upload_id).first()
    if waiting is not None:
        wait = min(LONGEST_WAIT, timedelta(minutes=2 ** min(waiting.tries, 6)))
        waiting.next_try_at, waiting.text = now + wait, why[:300]
        waiting.save(update_fields=["next_try_at", "text"])


@transaction.atomic
def review_waiting_uploads(*, actor: Actor, now: datetime) -> int:
    """Raise or clear the alert about files that wait for more than an hour. Returns how many wait at all."""
    waiting = DeferredUpload.objects.order_by("since")
    oldest = waiting.only("since", "text").first()
    number = waiting.count()
    if oldest is None or now - oldest.since < ALERT_AFTER:
        if oldest is None:
            clear_alert(actor=actor, key=ALERT)
        return number
    raise_alert(
        actor=actor,
        key=ALERT,
        severity=AlertSeverity.WARNING,
        title=_("%(number)d files wait for a store") % {"number": number},
        text=oldest.text,
        todo=_("Mend the connection to the store; the files are kept here and uploaded by themselves."),
    )
    return number
