"""What messaging deletes, a piece at a time. The runner writes the audit entry, one a run.

Recipients stay: they are what was sent, to whom and why not (`docs/partitioning.md` says how they leave when they are too
many). Tallies need no days: the sweep folds and deletes them every ten seconds.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from messaging.models import ContactImport

# The day comes first in the unique index: the oldest rows are found without reading the others.
_EVENTS = """
DELETE FROM messaging_deliveryevent WHERE id IN (
    SELECT id FROM messaging_deliveryevent
    WHERE received_on < (now() AT TIME ZONE 'UTC')::date - %s ORDER BY received_on LIMIT %s
)
"""
# Rows were written in order of time, so the smallest ids are the oldest, and looking at so many of them is enough.
_REFERENCES = """
DELETE FROM messaging_messagereference WHERE id IN (
    SELECT id FROM (SELECT id, sent_on FROM messaging_messagereference ORDER BY id LIMIT %(limit)s) AS oldest
    WHERE sent_on < (now() AT TIME ZONE 'UTC')::date - %(days)s
)
"""
_WAVES = """
DELETE FROM messaging_wave WHERE id IN (
    SELECT id FROM (SELECT id, state, closed_at FROM messaging_wave ORDER BY id LIMIT %(limit)s) AS oldest
    WHERE state = 2 AND closed_at < now() - make_interval(days => %(days)s)
)
"""


@transaction.atomic
def prune_delivery_events(*, limit: int) -> int:
    """Delete at most `limit` statuses of messages; the recipients keep what came of them. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, [settings.KEEP_DAYS["delivery_events"], limit])
        return int(cursor.rowcount)


@transaction.atomic
def prune_message_references(*, limit: int) -> int:
    """Delete at most `limit` provider ids that no status event will name any more. Returns how many."""
    return _delete_oldest(_REFERENCES, "message_references", limit)


@transaction.atomic
def prune_waves(*, limit: int) -> int:
    """Delete at most `limit` closed waves. Returns how many."""
    return _delete_oldest(_WAVES, "waves", limit)


def prune_import_files(*, limit: int) -> int:
    """Delete the uploads and the lists of rejected rows of at most `limit` imports, and files no import names. Returns how many files.

    Only files below MEDIA_ROOT: a file that a person imported from the command line is theirs.
    """
    folder = Path(settings.MEDIA_ROOT) / "imports"
    before = timezone.now() - timedelta(days=settings.KEEP_DAYS["import_files"])
    return _forget_files(folder, before, limit) + _delete_unnamed(folder, before, limit)


def _delete_oldest(statement: str, name: str, limit: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"days": settings.KEEP_DAYS[name], "limit": limit})
        return int(cursor.rowcount)


@transaction.atomic
def _forget_files(folder: Path, before: datetime, limit: int) -> int:
    ours = Q(stored_path__startswith=f"{folder}/") | Q(rejected_path__startswith=f"{folder}/")
    deleted = 0
    for record in ContactImport.objects.select_for_update().filter(ours, finished_at__lt=before).order_by("pk")[:limit]:
        # A crash before the commit leaves a record that names a file which is gone; the next run clears it.
        deleted += sum(
            _unlink(Path(path)) for path in (record.stored_path, record.rejected_path) if _inside(path, folder)
        )
        record.stored_path = "" if _inside(record.stored_path, folder) else record.stored_path
        record.rejected_path = "" if _inside(record.rejected_path, folder) else record.rejected_path
        record.save(update_fields=["stored_path", "rejected_path"])
    return deleted


def _delete_unnamed(folder: Path, before: datetime, limit: int) -> int:
    """Uploads whose import was never made: refused at the first look, or cut off before it was written."""
    old = (str(path) for path in _files(folder) if path.stat().st_mtime < before.timestamp())
    paths = list(islice(_without_record(old), limit))
    return sum(_unlink(Path(path)) for path in paths)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else iter(())


def _without_record(paths: Iterable[str]) -> Iterator[str]:
    named = ContactImport.objects.filter
    return (path for path in paths if not named(Q(stored_path=path) | Q(rejected_path=path)).exists())


def _inside(path: str, folder: Path) -> bool:
    return bool(path) and Path(path).parent == folder


def _unlink(path: Path) -> int:
    if not path.is_file():
        return 0
    path.unlink()
    return 1
