"""What is written down of backups. A log of machines: no audit entry but those of its alerts."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.operations.alerts import clear_alert, raise_alert
from agency.states import AlertSeverity
from integrations.models import Backup
from integrations.rules.backups import stamp_of
from integrations.states import BackupState

ALERT = "backup"
DEAD_AFTER = timedelta(minutes=30)  # without a sign of life
OLDEST = timedelta(hours=26)


@transaction.atomic
def begin_backup(*, now: datetime) -> Backup | None:
    """Begin one; None while another runs. One that has stood still has died and is failed here."""
    dead = Backup.objects.filter(state=BackupState.RUNNING, seen_at__lt=now - DEAD_AFTER)
    dead.update(state=BackupState.FAILED, finished_at=now, text="its process ended")
    try:
        with transaction.atomic():
            return Backup.objects.create(stamp=stamp_of(now), started_at=now, seen_at=now)
    except IntegrityError:
        return None


@transaction.atomic
def note_backup_lives(*, backup_id: int, now: datetime) -> None:
    """The running backup has moved."""
    Backup.objects.filter(pk=backup_id, state=BackupState.RUNNING).update(seen_at=now)


@transaction.atomic
def end_backup(
    *,
    backup_id: int,
    state: BackupState,
    now: datetime,
    size: int = 0,
    copies: int = 0,
    has_media: bool = False,
    text: str = "",
) -> None:
    """Say how it ended."""
    Backup.objects.filter(pk=backup_id).update(
        state=state, finished_at=now, size=size, copies=copies, has_media=has_media, text=text[:300]
    )


@transaction.atomic
def review_backups(*, actor: Actor, now: datetime, has_store: bool) -> str:
    """Raise or clear the alert about backups: none that is good for 26 hours, or the copy in the second store is missing. Returns its word."""
    good = Backup.objects.filter(state__in=(BackupState.GOOD, BackupState.PARTIAL)).order_by("stamp").last()
    tried = Backup.objects.order_by("stamp").first()
    if not has_store and tried is None:
        return "no store"
    last = good.started_at if good else tried.started_at if tried else None
    if last is None or now - last <= OLDEST:
        if good is None or good.state == BackupState.GOOD:
            clear_alert(actor=actor, key=ALERT)
            return "good"
        raise_alert(
            actor=actor,
            key=ALERT,
            severity=AlertSeverity.WARNING,
            title=_("The last backup is in one store only"),
            text=good.text,
            todo=_("Look at the connections to the stores; the next backup copies to all of them."),
        )
        return "partial"
    failed = Backup.objects.filter(state=BackupState.FAILED).order_by("stamp").last()
    raise_alert(
        actor=actor,
        key=ALERT,
        severity=AlertSeverity.CRITICAL,
        title=_("No good backup for more than 26 hours"),
        text=failed.text if failed else "",
        todo=_("Run manage.py backup and mend what it says."),
    )
    return "old"
