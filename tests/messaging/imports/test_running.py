"""Imports as they run: committed, on several connections, with real files, killed and taken up again."""

import datetime
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput
from agency.models import AuditEntry, Client
from messaging.demo.people import write_people
from messaging.models import Consent, Contact, ContactImport, Tag
from messaging.operations.imports import MAX_ATTEMPTS, begin_import, create_import, resume_imports, store_upload
from messaging.runners.import_contacts import run_import
from messaging.states import ImportState
from tests.committed import Live

DAY = datetime.date(2026, 3, 2)
ACTOR = Actor.system("test")


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def make_import(client: Client, path: Path, *, dry_run: bool = False) -> ContactImport:
    return create_import(
        client=client, path=path, file_name=path.name, mapping={}, dry_run=dry_run, actor=ACTOR, start=False
    )


def counts(record: ContactImport | None) -> tuple[int, int, int, int, int, int]:
    assert record is not None
    assert (record.state, record.error, record.percent) == (ImportState.DONE, "", 100)
    return record.rows, record.created, record.updated, record.unchanged, record.merged, record.rejected


def stages() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'contact_import_%'")
        return int(cursor.fetchone()[0])


def test_demo_people_on_two_connections(live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("messaging.operations.merge_contacts.PAGES_PER_CHUNK", 10)
    client = Client.objects.create(name="Aurora", slug="aurora")
    path = tmp_path / "people.csv"
    write_people(path, 3_000, DAY)

    assert counts(run_import(make_import(client, path, dry_run=True).pk)) == (3_000, 3_000, 0, 0, 0, 0)
    assert (Contact.objects.count(), Consent.objects.count(), Tag.objects.count()) == (0, 0, 0)
    assert counts(run_import(make_import(client, path).pk)) == (3_000, 3_000, 0, 0, 0, 0)
    assert (Contact.objects.count(), Consent.objects.count(), Tag.objects.count()) == (3_000, 3_000, 3)
    first = Contact.objects.order_by("pk").first()
    assert first is not None
    assert set(first.attributes) == {
        "cidade", "estado", "especialidade", "nascimento", "compras", "gasto_total", "primeira_compra", "ultima_compra",
    }  # fmt: skip
    assert counts(run_import(make_import(client, path).pk)) == (3_000, 0, 0, 3_000, 0, 0)
    assert AuditEntry.objects.filter(action="contact_import.finish").count() == 2
    assert stages() == 0
    with connection.cursor() as cursor:
        cursor.execute("SHOW search_path")
        assert "contact_import" not in cursor.fetchone()[0]


def test_kill_9_and_take_up_again(live: Live, tmp_path: Path) -> None:
    client = Client.objects.create(name="Aurora", slug="aurora")
    path = tmp_path / "people.csv"
    write_people(path, 60_000, DAY)
    process = subprocess.Popen(
        [sys.executable, "manage.py", "import_contacts", str(path), "--client", client.slug],
        cwd=settings.BASE_DIR,
        env={**os.environ, **live.environment},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until(lambda: ContactImport.objects.filter(created__gt=0).exists())
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    record = ContactImport.objects.get()
    before = record.created
    assert record.state == ImportState.RUNNING
    assert 0 < before == Contact.objects.count() < 60_000

    done: list[ContactImport] = []

    def take_up() -> bool:
        # The dead process's connections hold the import until the server has noticed.
        found = run_import(record.pk)
        done.extend([found] if found else [])
        return bool(done)

    wait_until(take_up)
    assert counts(done[0]) == (60_000, 60_000, 0, 0, 0, 0)
    assert done[0].attempts == 2
    assert Contact.objects.count() == Consent.objects.count() == 60_000
    assert stages() == 0


def test_a_lost_import_is_nudged_and_gives_up_in_the_end(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nudges: list[tuple[str, int]] = []
    monkeypatch.setattr("messaging.operations.imports.enqueue", lambda *nudge: nudges.append(nudge))
    client = Client.objects.create(name="Aurora", slug="aurora")
    path = tmp_path / "people.csv"
    write_people(path, 1, DAY)
    record = make_import(client, path)
    assert resume_imports() == 0
    for _attempt in range(MAX_ATTEMPTS):
        assert begin_import(record_id=record.pk) is not None
    ContactImport.objects.update(heartbeat_at=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA contact_import_999999")
    assert resume_imports() == 1
    assert nudges == [("messaging.import_contacts", record.pk)]
    assert stages() == 0
    assert run_import(record.pk) is None
    record.refresh_from_db()
    assert record.state == ImportState.FAILED
    assert not Contact.objects.exists()


@pytest.mark.django_db
def test_the_command_and_its_rejected_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    client = Client.objects.create(name="Aurora", slug="aurora")
    path = tmp_path / "people.csv"
    path.write_text('Nome;Fone 2;Obs\n=Ana;912 345 678;x\nBia;1234;=cmd()\nCaio;;"never\nDuda;913 456 789;y\n', "utf-8")
    options = {"client": "aurora", "map": ["Fone 2=phone", "Obs=attribute:note"], "country": "pt"}
    call_command("import_contacts", path, **options)
    output = capsys.readouterr().out
    assert "Imported: 4 rows = 2 created + 0 updated + 0 unchanged + 0 duplicates merged + 2 rejected" in output
    assert "  1 rows: the phone is not valid\n" in output  # the terminal speaks one language
    assert f"Rejected rows: {path}.rejected.csv" in output
    assert set(Contact.objects.values_list("client", "name", "phone")) == {
        (client.pk, "=Ana", "+351912345678"),
        (client.pk, "Duda", "+351913456789"),
    }
    lines = (tmp_path / "people.csv.rejected.csv").read_text("utf-8-sig").splitlines()
    assert lines[0] == "linha,motivo,Nome,Fone 2,Obs"  # the file speaks the client's
    assert lines[1].startswith("3,") and lines[1].endswith(",Bia,1234,'=cmd()")
    assert lines[2].startswith("4,")
    assert len(lines) == 3


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "options", "code"),
    [
        ("nome,idade\nAna,1\n", {}, 2),
        ("", {}, 2),
        ("nome,fone\n", {"client": "nobody"}, 2),
        ("nome,fone\n", {"map": ["nothing"]}, 2),
        ("nome,fone\n", {"map": ["nada=phone"]}, 2),
        ("nome,fone\n", {"country": "XX"}, 2),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path: Path, text: str, options: dict[str, object], code: int) -> None:
    Client.objects.create(name="Aurora", slug="aurora")
    path = tmp_path / "people.csv"
    path.write_text(text)
    with pytest.raises(CommandError) as error:
        call_command("import_contacts", path, **{"client": "aurora", **options})
    assert error.value.returncode == code
    assert not ContactImport.objects.exists()


@pytest.mark.django_db
def test_a_file_that_breaks_on_the_way_fails_with_a_sentence(tmp_path: Path) -> None:
    client = Client.objects.create(name="Aurora", slug="aurora")
    path = tmp_path / "people.csv"
    path.write_text("nome,fone\n" + 'Ana,"11987650001\n' * 300)
    record = make_import(client, path)
    done = run_import(record.pk)
    assert done is not None
    assert (done.state, done.created) == (ImportState.FAILED, 0)
    assert done.error
    assert not Contact.objects.exists()
    assert run_import(record.pk) is None


def test_uploads_are_bounded_and_private(tmp_path: Path, settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MEDIA_ROOT = tmp_path  # type: ignore[attr-defined]
    path = store_upload([b"nome,fone\n", b"Ana,1\n"])
    assert path.read_bytes() == b"nome,fone\nAna,1\n"
    assert (path.stat().st_mode & 0o777, path.parent) == (0o600, tmp_path / "imports")
    monkeypatch.setattr("messaging.operations.imports.MAX_FILE", 10)
    with pytest.raises(InvalidInput):
        store_upload([b"x" * 6, b"x" * 6])
    assert list((tmp_path / "imports").iterdir()) == [path]
