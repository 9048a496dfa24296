"""Bringing a backup back into a database that is empty, or that a person has said may be replaced."""

import hashlib
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import orjson
import psycopg
from psycopg import sql

from integrations.connections import facts_of
from integrations.database_programs import restore
from integrations.environment import environment_values, is_given
from integrations.errors import IntegrationError, NotConfigured, UnexpectedResponse
from integrations.facts import ConnectionFacts
from integrations.registry import build_client, manifest_of
from integrations.runners.backups import FOLDER, MANIFEST, BackupFile, Store
from integrations.runners.stores import agency_stores
from integrations.s3.buckets import BACKUPS


class NotEmpty(Exception):
    """The database holds tables; the argument says how many."""


def stores() -> list[Store]:
    """Where to look: the store of the environment, which a server without records has too, else the connections of the database."""
    manifest = manifest_of("s3")
    if is_given(manifest):
        plain, secrets = environment_values(manifest)
        defaults = {item.name: item.default for item in manifest.settings if item.default and not item.secret}
        facts = [ConnectionFacts(id=0, service="s3", key="", settings={**defaults, **plain}, secrets=secrets)]
    else:
        facts = [facts_of(each) for each in agency_stores()]
    return [cast(Store, build_client(each, capability="storage")) for each in facts]


def backups_in(store: Store) -> list[str]:
    """The stamps of the whole backups in a store, oldest first."""
    keys = (each.key for each in store.files(BACKUPS.name, f"{FOLDER}/"))
    return sorted(key.split("/")[1] for key in keys if key.endswith(f"/{MANIFEST}"))


def restore_backup(
    *, database: Mapping[str, Any], stamp: str = "", replace: bool = False, media: Path | None = None
) -> str:
    """Load the backup `stamp` (empty: the newest) from the first store that has it whole. Returns its stamp.

    Raises NotEmpty, ProgramFailed, and the errors of `integrations.errors`.
    """
    tables = table_count(database)
    if tables and not replace:
        raise NotEmpty(str(tables))
    trouble: IntegrationError = NotConfigured("s3", "restore", "backup_missing", f"no store has the backup {stamp}")
    for store in stores():
        try:
            found = backups_in(store)
            wanted = stamp or (found[-1] if found else "")
            if wanted not in found or not wanted:
                continue
            with tempfile.TemporaryDirectory(prefix="batuta-restore-") as directory:
                dump, archive = _fetched(store, wanted, Path(directory), with_media=media is not None)
                restore(database, dump, replace=replace)
                if media is not None and archive is not None:
                    _unpack(archive, media)
            return wanted
        except IntegrationError as error:  # the other store may have it whole
            trouble = error
    raise trouble


def table_count(database: Mapping[str, Any]) -> int:
    """How many tables stand in the database's public schema."""
    with psycopg.connect(
        host=database["HOST"] or None,
        port=database["PORT"] or None,
        user=database["USER"] or None,
        password=database["PASSWORD"] or None,
        dbname=database["NAME"],
    ) as line:
        row = line.execute(sql.SQL("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")).fetchone()
    return int(row[0]) if row else 0


def _fetched(store: Store, stamp: str, directory: Path, *, with_media: bool) -> tuple[Path, Path | None]:
    manifest = orjson.loads(b"".join(store.get(BACKUPS.name, f"{FOLDER}/{stamp}/{MANIFEST}")))
    files = {each["key"].rpartition("/")[2]: BackupFile(**each) for each in manifest["files"]}
    dump = _checked(store, files["database.dump"], directory / "database.dump")
    archive = files.get("media.tar") if with_media else None
    return dump, _checked(store, archive, directory / "media.tar") if archive else None


def _checked(store: Store, file: BackupFile, path: Path) -> Path:
    """The file on this machine, after its checksum was compared. Raises UnexpectedResponse."""
    digest = hashlib.sha256()
    with path.open("wb") as target:
        for piece in store.get(BACKUPS.name, file.key):
            digest.update(piece)
            target.write(piece)
    if digest.hexdigest() != file.sha256:
        raise UnexpectedResponse("s3", "restore", "checksum", f"{file.key} is not what its manifest says")
    return path


def _unpack(archive: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as content:
        if hasattr(tarfile, "data_filter"):
            content.extractall(target, filter="data")
            return
        # Python before 3.11.4 has no filter: only plain files and directories that stay below the target.
        root = target.resolve()
        for member in content.getmembers():
            inside = (root / member.name).resolve().is_relative_to(root)
            if not inside or not (member.isfile() or member.isdir()):
                raise UnexpectedResponse("s3", "restore", "archive", f"{member.name} is no plain file of the media")
        content.extractall(target)  # noqa: S202 -- each member was looked at
