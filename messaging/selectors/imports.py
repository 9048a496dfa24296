"""Imports that need somebody."""

from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from messaging.models import ContactImport
from messaging.states import ImportState

SILENCE = timedelta(minutes=2)  # longer than the longest step between two heartbeats


def stalled_imports() -> list[int]:
    """Imports that nobody has begun, or whose process has been silent for too long."""
    stalled = Q(state=ImportState.WAITING, created_at__lt=Now() - SILENCE) | Q(
        state=ImportState.RUNNING, heartbeat_at__lt=Now() - SILENCE
    )
    return list(ContactImport.objects.filter(stalled).order_by("pk").values_list("pk", flat=True)[:100])


def running_imports() -> list[int]:
    """Imports that are being run, or were when their process was lost."""
    return list(ContactImport.objects.filter(state=ImportState.RUNNING).values_list("pk", flat=True))
