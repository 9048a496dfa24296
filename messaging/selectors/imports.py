"""Imports that need somebody, and what may be done with one."""

from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from messaging.models import ContactImport
from messaging.states import ImportState

SILENCE = timedelta(minutes=2)  # longer than the longest step between two heartbeats


def stalled_imports() -> list[int]:
    """Imports that nobody has begun, or whose process has been silent for too long."""
    waiting = Q(heartbeat_at__lt=Now() - SILENCE) | Q(heartbeat_at=None, created_at__lt=Now() - SILENCE)
    stalled = Q(waiting, state=ImportState.WAITING) | Q(state=ImportState.RUNNING, heartbeat_at__lt=Now() - SILENCE)
    return list(ContactImport.objects.filter(stalled).order_by("pk").values_list("pk", flat=True)[:100])


def running_imports() -> list[int]:
    """Imports that are being run, or were when their process was lost."""
    return list(ContactImport.objects.filter(state=ImportState.RUNNING).values_list("pk", flat=True))


def kept_file(record: ContactImport) -> Path | None:
    """The uploaded file, if it is still kept. A file that a command was pointed at is none of ours."""
    path = Path(record.stored_path)
    folder = Path(settings.MEDIA_ROOT) / "imports"
    return path if record.stored_path and path.parent == folder and path.is_file() else None


def may_start(record: ContactImport) -> bool:
    """Whether its state allows a run: nothing of it was imported to the end yet."""
    return record.state in (ImportState.DRAFT, ImportState.FAILED) or (
        record.state == ImportState.DONE and record.dry_run
    )


def may_discard(record: ContactImport) -> bool:
    """Whether it can vanish without a trace but the audit log's: no contact came of it."""
    return record.state == ImportState.DRAFT or (record.state == ImportState.DONE and record.dry_run)
