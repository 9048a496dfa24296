"""Deleting what has been kept long enough: piece by piece, each in a transaction of its own, so that no lock and no vacuum debt grows large."""

from time import monotonic

from django.apps import apps
from django.conf import settings
from django.utils.module_loading import import_string

from agency.kit.actor import Actor
from agency.kit.queue import enqueue
from agency.kit.retention import PRUNE_TASK, retention_of
from agency.operations.audit import record_audit

SECONDS = 60.0  # of one task; what is left goes on in the next message, so that no worker is held for long


def prune_records(*, name: str, seconds: float = SECONDS) -> str:
    """Delete what the declaration `name` lets go. Returns a closing word; starts itself again when time ran out.

    Raises KeyError for a name that nobody declares.
    """
    retention = retention_of(name)
    piece = import_string(retention.piece)
    ends = monotonic() + seconds
    total, left = 0, True
    while left and monotonic() < ends:
        deleted = piece(limit=retention.limit)
        total += deleted
        left = deleted >= retention.limit
    if total:
        subject = apps.get_model(retention.model)()
        subject.pk = None  # it speaks of many, and a session's key would be a text
        record_audit(
            actor=Actor.system("retention"),
            action="prune_records",
            subject=subject,
            after={"deleted": total, "kept_days": settings.KEEP_DAYS[name]},
        )
    if left:
        enqueue(PRUNE_TASK, name)
    return f"{total} rows deleted" + (", more are left" if left else "")
