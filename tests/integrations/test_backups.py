"""Backups: made, replicated, kept, missed; and brought back into an empty database, table for table."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone
from psycopg import sql

from agency.kit.actor import Actor
from agency.models import Alert
from agency.states import AlertSeverity
from integrations import database_programs
from integrations.connections import seal_secrets
from integrations.models import Backup, Connection
from integrations.operations.backups import begin_backup
from integrations.rules.backups import kept, stamp_of
from integrations.runners.backups import Store, make_backup, make_daily_backup, remove_old, store_client, watch_backups
from integrations.runners.restoring import table_count
from integrations.sandbox.runner import RunningSandbox
from integrations.states import BackupState
from tests.worlds import make_world

ACTOR = Actor.system("test")


def connect_store(sandbox: RunningSandbox, name: str, key: str, region: str) -> Connection:
    return Connection.objects.create(
        service="s3",
        name=name,
        settings={"access_key_id": key, "region": region, "endpoint": sandbox.base_url("s3")},
        sealed_secrets=seal_secrets({"secret_access_key": "sandbox-secret-key"}),
    )


@pytest.fixture
def stores(sandbox: RunningSandbox) -> list[Connection]:
    """Two stores with their buckets: the primary, and one that behaves like R2."""
    found = [
        connect_store(sandbox, "Primary", "sandbox-access-key", "us-east-1"),
        connect_store(sandbox, "R2", "second-access-key", "auto"),
    ]
    call_command("storage", "prepare", stdout=StringIO())
    return found


@pytest.fixture
def media(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    (settings.MEDIA_ROOT / "imports").mkdir(parents=True)
    (settings.MEDIA_ROOT / "imports" / "people.csv").write_bytes(b"name;phone\n" * 1000)
    return Path(settings.MEDIA_ROOT)


@pytest.fixture
def empty_database() -> Iterator[dict[str, Any]]:
    """A database without tables on the same server."""
    own = connection.settings_dict
    where = {"host": own["HOST"], "port": own["PORT"], "user": own["USER"], "password": own["PASSWORD"]}
    name = sql.Identifier("restored_backup")
    with psycopg.connect(**where, dbname=own["NAME"], autocommit=True) as line:
        line.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(name))
        line.execute(sql.SQL("CREATE DATABASE {}").format(name))
    yield {**own, "NAME": "restored_backup"}
    with psycopg.connect(**where, dbname=own["NAME"], autocommit=True) as line:
        line.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def url_of(database: dict[str, Any]) -> str:
    address = f"{database['USER']}:{database['PASSWORD']}@:{database['PORT']}"
    return f"postgresql://{address}/{database['NAME']}?host={database['HOST']}"


def contents(database: dict[str, Any]) -> dict[str, tuple[int, str]]:
    """Each table's number of rows and a checksum of them all; not what the backup itself writes while it runs."""
    found = {}
    with psycopg.connect(
        host=database["HOST"],
        port=database["PORT"],
        user=database["USER"],
        password=database["PASSWORD"],
        dbname=database["NAME"],
    ) as line:
        names = line.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
        for (name,) in names:
            row = line.execute(
                sql.SQL("SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} t").format(
                    sql.Identifier(name)
                )
            ).fetchone()
            found[name] = row or (0, "")
    return {
        name: row
        for name, row in found.items()
        if name not in ("integrations_backup", "integrations_chainattempt", "integrations_apicall")
    }


def manifest(store: Store, stamp: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(b"".join(store.get("backups", f"database/{stamp}/manifest.json")))
    return found


@pytest.mark.django_db(transaction=True)
def test_a_backup_comes_back_whole_into_an_empty_database(
    stores: list[Connection], media: Path, empty_database: dict[str, Any], sandbox: RunningSandbox
) -> None:
    make_world()
    before = contents(connection.settings_dict)
    assert before["messaging_contact"][0] >= 1
    said = StringIO()
    call_command("backup", stdout=said)
    backup = Backup.objects.get()
    assert (backup.state, backup.copies, backup.has_media) == (BackupState.GOOD, 2, True)
    assert said.getvalue().startswith(f"{backup.stamp}: {backup.size} bytes in 2 of 2 stores, with media")
    first, second = (store_client(each) for each in stores)
    assert manifest(first, backup.stamp) == manifest(second, backup.stamp)
    assert sum(each["size"] for each in manifest(first, backup.stamp)["files"]) == backup.size

    with pytest.raises(CommandError, match=r"The database holds \d+ tables"):
        call_command("restore", stdout=said)
    assert contents(connection.settings_dict) == before

    first.delete("backups", f"database/{backup.stamp}/database.dump")  # the second store stands in
    (media / "imports" / "people.csv").unlink()
    call_command("restore", "--database-url", url_of(empty_database), "--media", stdout=said)
    assert contents(empty_database) == before
    assert (media / "imports" / "people.csv").read_bytes() == b"name;phone\n" * 1000

    with psycopg.connect(
        host=empty_database["HOST"],
        port=empty_database["PORT"],
        user=empty_database["USER"],
        password=empty_database["PASSWORD"],
        dbname="restored_backup",
    ) as line:
        line.execute("UPDATE messaging_contact SET name = 'changed'")
    assert contents(empty_database) != before
    call_command("restore", backup.stamp, "--database-url", url_of(empty_database), "--replace", stdout=said)
    assert contents(empty_database) == before


@pytest.mark.django_db(transaction=True)
def test_a_server_without_records_restores_by_the_environments_store(
    stores: list[Connection],
    media: Path,
    empty_database: dict[str, Any],
    sandbox: RunningSandbox,
    settings: Any,
) -> None:
    make_backup(actor=ACTOR, with_media=False)
    Connection.objects.update(enabled=False)
    given = {
        "S3_ACCESS_KEY_ID": "second-access-key",
        "S3_SECRET_ACCESS_KEY": "sandbox-secret-key",
        "S3_REGION": "auto",
        "S3_ENDPOINT": sandbox.base_url("s3"),
    }
    settings.READ_VARIABLE = lambda name: given.get(name, "")
    listed = StringIO()
    call_command("restore", "--list", stdout=listed)
    stamp = Backup.objects.get().stamp
    assert listed.getvalue().split() == ["store", "1:", stamp]
    call_command("restore", "--database-url", url_of(empty_database), stdout=listed)
    assert table_count(empty_database) == table_count(connection.settings_dict)


@pytest.mark.django_db(transaction=True)
def test_a_spoilt_backup_is_not_restored(stores: list[Connection], media: Path, empty_database: dict[str, Any]) -> None:
    make_backup(actor=ACTOR, with_media=False)
    stamp = Backup.objects.get().stamp
    for store in stores:
        store_client(store).put("backups", f"database/{stamp}/database.dump", b"not a dump")
    with pytest.raises(CommandError, match="is not what its manifest says"):
        call_command("restore", "--database-url", url_of(empty_database))
    assert table_count(empty_database) == 0


@pytest.mark.django_db(transaction=True)
def test_a_store_that_is_away_costs_a_copy_and_is_told(
    stores: list[Connection], media: Path, sandbox: RunningSandbox
) -> None:
    with sandbox.control.fault("refuse", service="s3", sender="sandbox-access-key", code="NoSuchBucket"):
        make_backup(actor=ACTOR)
    backup = Backup.objects.get()
    assert (backup.state, backup.copies) == (BackupState.PARTIAL, 1)
    assert "NoSuchBucket" in backup.text
    alert = Alert.objects.get(key="backup", cleared_at=None)
    assert alert.severity == AlertSeverity.WARNING
    assert manifest(store_client(stores[1]), backup.stamp)["stamp"] == backup.stamp
    Backup.objects.update(started_at=timezone.now() - timedelta(hours=2), stamp="20260101T000000Z")
    make_backup(actor=ACTOR)
    assert not Alert.objects.filter(key="backup", cleared_at=None).exists()


@pytest.mark.django_db(transaction=True)
def test_a_dump_that_breaks_off_is_no_backup(
    stores: list[Connection], media: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "pg_dump"
    broken.write_text("#!/bin/sh\nhead -c 3000000 /dev/zero\necho 'pg_dump: error: the disk is full' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(database_programs, "program", lambda name: broken)
    with pytest.raises(CommandError, match="the disk is full"):
        call_command("backup")
    assert Backup.objects.get().state == BackupState.FAILED
    assert [list(store_client(each).files("backups")) for each in stores] == [[], []]


@pytest.mark.django_db
def test_one_backup_at_a_time_and_a_dead_one_does_not_stand_in_the_way() -> None:
    now = timezone.now()
    first = begin_backup(now=now)
    assert first is not None
    assert begin_backup(now=now + timedelta(minutes=5)) is None
    assert begin_backup(now=now + timedelta(minutes=31)) is not None
    first.refresh_from_db()
    assert (first.state, first.text) == (BackupState.FAILED, "its process ended")


@pytest.mark.django_db
def test_without_a_store_the_schedule_has_nothing_to_do() -> None:
    assert make_daily_backup(actor=ACTOR) == "no store is connected"
    assert watch_backups(actor=ACTOR) == "no store"
    assert not Backup.objects.exists()


@pytest.mark.django_db
def test_an_old_backup_raises_an_alert_and_a_new_one_clears_it(sandbox: RunningSandbox) -> None:
    connect_store(sandbox, "Primary", "sandbox-access-key", "us-east-1")
    now = timezone.now()
    old = Backup.objects.create(
        stamp=stamp_of(now - timedelta(hours=25)),
        state=BackupState.GOOD,
        started_at=now - timedelta(hours=25),
        seen_at=now,
    )
    assert watch_backups(actor=ACTOR) == "good"
    Backup.objects.filter(pk=old.pk).update(started_at=now - timedelta(hours=26, minutes=1))
    assert watch_backups(actor=ACTOR) == "old"
    assert Alert.objects.get(key="backup").severity == AlertSeverity.CRITICAL
    Backup.objects.create(stamp=stamp_of(now), state=BackupState.GOOD, started_at=now, seen_at=now)
    assert watch_backups(actor=ACTOR) == "good"
    assert Alert.objects.get(key="backup").cleared_at is not None


def test_thirty_days_and_twelve_months_are_kept() -> None:
    start = datetime(2025, 1, 1, 3, tzinfo=UTC)
    made = [stamp_of(start + timedelta(days=day, hours=hour)) for day in range(500) for hour in (0, 12)]
    keep = kept(made)
    assert len(keep) == 42  # of the first of May both: the first of its month, and the newest of its day
    newest = start + timedelta(days=499, hours=12)
    assert {stamp_of(newest - timedelta(days=day)) for day in range(30)} <= keep
    assert stamp_of(datetime(2025, 6, 1, 3, tzinfo=UTC)) in keep
    assert not any(stamp.startswith("202505") for stamp in keep)


@pytest.mark.django_db
def test_what_need_not_be_kept_is_removed_and_half_a_backup_too(stores: list[Connection]) -> None:
    client = store_client(stores[0])
    now = datetime(2026, 11, 21, 3, tzinfo=UTC)
    stamps = [stamp_of(now - timedelta(hours=hours)) for hours in (0, 1, 2)]
    for stamp in stamps:
        client.put("backups", f"database/{stamp}/database.dump", b"x")
    for stamp in stamps[:2]:
        client.put("backups", f"database/{stamp}/manifest.json", b"{}")
    # Of one day's two whole backups the newest stays, and the first of the month, which is the other one.
    assert remove_old(client) == 1
    assert sorted({each.key.split("/")[1] for each in client.files("backups")}) == sorted(stamps[:2])
