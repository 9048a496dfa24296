"""Backups: a dump of the database, once a week the media too, in every store, with a manifest that proves them whole.

Below `backups/database/<stamp>/` stand `database.dump`, perhaps `media.tar`, and last `manifest.json`: what has none is no backup.
"""

import contextlib
import hashlib
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, cast

import orjson
from django.conf import settings
from django.db import connection
from django.utils import timezone

from agency.kit.actor import Actor
from integrations.capabilities.chain import Hop, run_chain
from integrations.connections import facts_of
from integrations.database_programs import ProgramFailed, dump
from integrations.errors import IntegrationError, NotConfigured
from integrations.models import Backup, Connection
from integrations.operations.backups import begin_backup, end_backup, note_backup_lives, review_backups
from integrations.registry import build_client
from integrations.rules.backups import kept
from integrations.runners.stores import agency_stores
from integrations.s3.answers import StoredObject
from integrations.s3.buckets import BACKUPS
from integrations.states import BackupState

FOLDER = "database"
MANIFEST = "manifest.json"
MEDIA_EVERY = timedelta(days=6, hours=12)  # a week, and a backup may begin a little earlier than the one before
SIGN_EVERY = timedelta(minutes=1)


class Store(Protocol):
    """What a backup needs of a store."""

    def put(self, bucket: str, key: str, content: bytes, *, content_type: str = ...) -> StoredObject: ...

    def upload(self, bucket: str, key: str, pieces: Iterable[bytes]) -> StoredObject: ...

    def get(self, bucket: str, key: str) -> Iterator[bytes]: ...

    def files(self, bucket: str, prefix: str = ...) -> Iterator[StoredObject]: ...

    def delete(self, bucket: str, key: str) -> None: ...


@dataclass(frozen=True, slots=True)
class BackupFile:
    """One file of a backup, as its manifest names it."""

    key: str
    size: int
    sha256: str


class Weighed:
    """Bytes on their way, counted and digested; `alive` is called now and then."""

    def __init__(self, pieces: Iterable[bytes], alive: Callable[[], None]) -> None:
        self._pieces, self._alive = pieces, alive
        self._digest, self.size = hashlib.sha256(), 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self._digest.update(piece)
            self.size += len(piece)
            self._alive()
            yield piece

    def file(self, key: str) -> BackupFile:
        """What went by."""
        return BackupFile(key, self.size, self._digest.hexdigest())


def store_client(store: Connection) -> Store:
    """The client of one store."""
    return cast(Store, build_client(facts_of(store), capability="storage"))


def make_backup(*, actor: Actor, with_media: bool | None = None) -> str:
    """Make one now, unless one runs; `with_media` None means when a week has gone. Returns a closing word.

    Raises the errors of `integrations.errors` and ProgramFailed; the row says why, and the alert is raised when it is time.
    """
    stores = agency_stores()
    backup = begin_backup(now=timezone.now())
    if backup is None:
        return "another backup is running"
    has_media = _is_media_due(backup) if with_media is None else with_media
    try:
        word = _make(backup, stores, has_media)
    except (IntegrationError, ProgramFailed, OSError) as error:
        end_backup(backup_id=backup.pk, state=BackupState.FAILED, now=timezone.now(), text=str(error))
        raise
    finally:
        watch_backups(actor=actor)
    return word


def make_daily_backup(*, actor: Actor) -> str:
    """The same for the schedule: without a store there is nothing to do."""
    try:
        agency_stores()
    except NotConfigured:
        return "no store is connected"
    return make_backup(actor=actor)


def watch_backups(*, actor: Actor) -> str:
    """Raise or clear the alert."""
    try:
        has_store = bool(agency_stores())
    except NotConfigured:
        has_store = False
    return review_backups(actor=actor, now=timezone.now(), has_store=has_store)


def _make(backup: Backup, stores: list[Connection], has_media: bool) -> str:
    alive = _signs(backup)
    folder = f"{FOLDER}/{backup.stamp}"

    def write(hop: Hop) -> list[BackupFile]:
        client = cast(Store, build_client(hop.connection, capability="storage"))
        database = Weighed(dump(connection.settings_dict), alive)
        client.upload(BACKUPS.name, f"{folder}/database.dump", database)
        files = [database.file(f"{folder}/database.dump")]
        if has_media:
            media = Weighed(_media(), alive)
            client.upload(BACKUPS.name, f"{folder}/media.tar", media)
            files.append(media.file(f"{folder}/media.tar"))
        client.put(BACKUPS.name, f"{folder}/{MANIFEST}", _manifest(backup, files), content_type="application/json")
        return files

    done = run_chain("storage", write)
    first = next(store for store in stores if store.pk == done.hop.connection.id)
    trouble = [f"{error.service}: {error}" for error in done.failures]
    copies = 1
    for store in stores:
        if store.pk != first.pk:
            try:
                _replicate(store_client(first), store_client(store), done.answer, _manifest(backup, done.answer), alive)
                copies += 1
            except IntegrationError as error:
                trouble.append(f"{store}: {error}")
    for store in stores:
        try:
            remove_old(store_client(store))
        except IntegrationError as error:
            trouble.append(f"{store}: {error}")
    state = BackupState.GOOD if copies == len(stores) else BackupState.PARTIAL
    size = sum(file.size for file in done.answer)
    end_backup(
        backup_id=backup.pk,
        state=state,
        now=timezone.now(),
        size=size,
        copies=copies,
        has_media=has_media,
        text="; ".join(trouble),
    )
    return f"{backup.stamp}: {size} bytes in {copies} of {len(stores)} stores" + (", with media" if has_media else "")


def _replicate(
    source: Store, target: Store, files: list[BackupFile], manifest: bytes, alive: Callable[[], None]
) -> None:
    """Copy what the first store really holds, so that the copy proves it too; the manifest comes last."""
    for file in files:
        passing = Weighed(source.get(BACKUPS.name, file.key), alive)
        target.upload(BACKUPS.name, file.key, passing)
        if passing.file(file.key) != file:
            raise NotConfigured("s3", "replicate", "checksum", f"{file.key} is not what was written")
    folder = files[0].key.rpartition("/")[0]
    target.put(BACKUPS.name, f"{folder}/{MANIFEST}", manifest, content_type="application/json")


def remove_old(client: Store) -> int:
    """Delete what need not be kept any more; the manifest goes first, so that half a backup never looks like one. Returns how many files."""
    files: dict[str, list[str]] = {}
    for each in client.files(BACKUPS.name, f"{FOLDER}/"):
        files.setdefault(each.key.split("/")[1], []).append(each.key)
    whole = {stamp for stamp, keys in files.items() if any(key.endswith(MANIFEST) for key in keys)}
    keep = kept(whole)
    newest = max(whole, default="")
    gone = [
        key
        for stamp, keys in files.items()
        if stamp not in keep and stamp < newest
        for key in sorted(keys, key=lambda key: not key.endswith(MANIFEST))
    ]
    for key in gone:
        client.delete(BACKUPS.name, key)
    return len(gone)


def _manifest(backup: Backup, files: list[BackupFile]) -> bytes:
    content: dict[str, Any] = {
        "version": 1,
        "stamp": backup.stamp,
        "made_at": backup.started_at.isoformat(),
        "files": [asdict(file) for file in files],
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2)


def _is_media_due(backup: Backup) -> bool:
    good = Backup.objects.filter(has_media=True, state__in=(BackupState.GOOD, BackupState.PARTIAL))
    last = good.order_by("stamp").last()
    return last is None or backup.started_at - last.started_at >= MEDIA_EVERY


def _media() -> Iterator[bytes]:
    """Everything below MEDIA_ROOT as one tar file, as it comes; a file that is removed meanwhile is left out."""
    root = Path(settings.MEDIA_ROOT)
    written = Collected()
    with tarfile.open(mode="w|", fileobj=cast(Any, written), bufsize=1024 * 1024) as archive:
        for path in sorted(root.rglob("*")) if root.is_dir() else ():
            if path.is_file():
                with contextlib.suppress(FileNotFoundError):
                    archive.add(path, str(path.relative_to(root)), recursive=False)
                yield written.taken()
    yield written.taken()


class Collected:
    """A file to write to, whose bytes are taken away again."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def write(self, content: bytes) -> int:
        """Take bytes."""
        self._held.append(bytes(content))
        return len(content)

    def taken(self) -> bytes:
        """What has been written since."""
        held, self._held = b"".join(self._held), []
        return held


def _signs(backup: Backup) -> Callable[[], None]:
    """A sign of life once a minute, however often it is called."""
    last = [backup.seen_at]

    def alive() -> None:
        now = timezone.now()
        if now - last[0] >= SIGN_EVERY:
            last[0] = now
            note_backup_lives(backup_id=backup.pk, now=now)

    return alive
