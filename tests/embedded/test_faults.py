"""Dead servers, reused process ids, half-written files, recovery, taken ports, deleted directories, strangers at our address."""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

from agency.embedded import Home, ServersUnavailable, servers, stop, urls
from agency.embedded.postgres import PostgresServer
from agency.embedded.records import ServerRecord, read_record
from agency.embedded.server import Answer, Silence
from tests.embedded.running import kill, lives, pids, stranger


def test_killed_servers_are_started_again_with_what_they_held(shared_home: Home) -> None:
    before = urls("main", shared_home)
    first = pids(shared_home, "main")
    with psycopg.connect(before.database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with redis.Redis.from_url(before.redis_url) as client:
        client.set("kept", "42")
        client.execute_command("WAITAOF", 1, 0, 5000)
    kill(*first)

    after = urls("main", shared_home)

    second = pids(shared_home, "main")
    assert set(first).isdisjoint(second)
    assert after == before, "passwords, socket and even the port stay"
    with psycopg.connect(after.database_url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchall() == [(42,)]
    with redis.Redis.from_url(after.redis_url) as client:
        assert client.get("kept") == b"42"


def test_reused_pid_is_neither_trusted_nor_ended(shared_home: Home) -> None:
    urls("test", shared_home)
    postgres, valkey = servers("test", shared_home)
    first = pids(shared_home, "test")
    kill(*first)
    with stranger(shared_home) as other:
        lock = postgres.data_directory / "postmaster.pid"
        lock.write_text("\n".join([str(other.pid), *lock.read_text().split("\n")[1:]]))
        for server in (postgres, valkey):
            record = ServerRecord(other.pid, other.create_time(), str(server.data_directory))
            server.record_path.write_text(record.to_json())
        assert stop("test", shared_home) == []
        for server in (postgres, valkey):
            server.record_path.write_text(
                ServerRecord(other.pid, other.create_time(), str(server.data_directory)).to_json()
            )

        urls("test", shared_home)

        second = pids(shared_home, "test")
        assert {*first, other.pid}.isdisjoint(second)
        assert [read.pid for server in (postgres, valkey) if (read := read_record(server.record_path))] == list(second)


def test_record_of_an_earlier_start_is_not_trusted(shared_home: Home) -> None:
    urls("test", shared_home)
    server, _ = servers("test", shared_home)
    record = read_record(server.record_path)
    assert record is not None
    assert server.recorded() == record
    server.record_path.write_text(ServerRecord(record.pid, record.started - 60, record.data_directory).to_json())
    assert server.recorded() is None, "the same pid, started at another time"


@pytest.mark.parametrize("kept_bytes", [0, 12])
def test_half_written_record(shared_home: Home, kept_bytes: int) -> None:
    urls("test", shared_home)
    before = pids(shared_home, "test")
    both = servers("test", shared_home)
    whole = [server.record_path.read_text() for server in both]
    for server in both:
        server.record_path.write_text(server.record_path.read_text()[:kept_bytes])

    urls("test", shared_home)

    assert pids(shared_home, "test") == before
    assert [server.record_path.read_text() for server in both] == whole

    for server in both:
        server.record_path.write_text(server.record_path.read_text()[:kept_bytes])
    assert stop("test", shared_home) == ["PostgreSQL (test)", "Valkey (test)"]
    assert [lives(pid) for pid in before] == [False, False]


def test_recovery_is_waited_for(shared_home: Home) -> None:
    found = urls("main", shared_home)
    with psycopg.connect(found.database_url) as connection:
        connection.execute("CREATE TABLE journal AS SELECT n, md5(n::text) FROM generate_series(1, 1500000) n")
        connection.execute("CREATE INDEX ON journal (md5)")
    server = PostgresServer(shared_home, "main")
    kill(pids(shared_home, "main")[0])
    server.clear_leftovers()
    programs, account = shared_home.programs, shared_home.account
    subprocess.run(
        [
            programs.postgres_bin / "pg_ctl",
            "start",
            "--no-wait",
            "-D",
            server.data_directory,
            "-l",
            server.log,
            "-o",
            f"-c config_file='{server.directory}/postgresql.conf'",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=server.data_directory,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    deadline = time.monotonic() + 10
    while isinstance(answer := server.ask(), Silence) and "the database system is" not in answer.reason:
        assert time.monotonic() < deadline, answer
    assert isinstance(answer, Silence), "it had recovered before it was asked; more must be written before the crash"

    urls("main", shared_home)

    with psycopg.connect(found.database_url) as connection:
        assert connection.execute("SELECT count(*) FROM journal").fetchone() == (1_500_000,)


def test_paused_server_is_waited_for_and_not_replaced(shared_home: Home) -> None:
    urls("test", shared_home)
    before = pids(shared_home, "test")
    for pid in before:
        os.kill(pid, signal.SIGSTOP)
    wakes = [threading.Timer(2.0, os.kill, (pid, signal.SIGCONT)) for pid in before]
    for wake in wakes:
        wake.start()
    try:
        urls("test", shared_home)
    finally:
        for wake in wakes:
            wake.join()
    assert pids(shared_home, "test") == before


def test_start_that_was_interrupted_halfway(home: Home) -> None:
    home.prepare("test")
    server, _ = servers("test", home)
    (home.server_directory(server.directory / "postgres.new") / "half").touch()
    home.server_directory(server.data_directory)
    urls("test", home)
    with psycopg.connect(urls("test", home).database_url, autocommit=True, dbname="postgres") as connection:
        connection.execute("DROP DATABASE batuta")
    with psycopg.connect(urls("test", home).database_url) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("batuta",)


def bind_when_free(owner: socket.socket, redis_url: str) -> None:
    """Take a killed server's port: its threads may hold it for a moment longer than its process is seen."""
    deadline = time.monotonic() + 10
    while True:
        try:
            owner.bind(("127.0.0.1", urlsplit(redis_url).port))
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return


def test_taken_port_is_left_to_its_owner(shared_home: Home) -> None:
    before = urls("test", shared_home)
    kill(pids(shared_home, "test")[1])
    with socket.socket() as owner:
        owner.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bind_when_free(owner, before.redis_url)
        owner.listen()
        after = urls("test", shared_home)
    assert after.redis_url != before.redis_url
    with redis.Redis.from_url(after.redis_url) as client:
        assert client.ping() is True


def test_port_of_a_server_that_is_still_dying_is_waited_for(shared_home: Home) -> None:
    before = urls("test", shared_home)
    kill(pids(shared_home, "test")[1])
    with socket.socket() as lingering:
        lingering.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bind_when_free(lingering, before.redis_url)
        lingering.listen()
        release = threading.Timer(0.5, lingering.close)
        release.start()
        after = urls("test", shared_home)
        release.join()
    assert after.redis_url == before.redis_url, "running workers find it where it was"


def test_directory_deleted_under_running_servers(home: Home) -> None:
    urls("test", home)
    before = pids(home, "test")
    shutil.rmtree(home.path / "test")

    urls("test", home)

    assert set(before).isdisjoint(pids(home, "test"))
    assert [lives(pid) for pid in before] == [False, False]


def test_server_of_another_directory_is_not_ours(shared_home: Home, home: Home) -> None:
    urls("test", shared_home)
    home.prepare("test")
    ours, theirs = servers("test", home), servers("test", shared_home)
    home.sockets("test").rmdir()
    home.sockets("test").symlink_to(shared_home.sockets("test"))
    for mine, other in zip(ours, theirs, strict=True):
        assert isinstance(other.ask(), Answer)
        for password in other.directory.glob("*.password"):
            shutil.copy(password, mine.directory)
        home.server_directory(mine.data_directory)
        assert mine.ask() == Silence(f"it says it serves {other.data_directory}", worth_waiting=False)


def test_lost_password_and_other_version_are_said(home: Home) -> None:
    urls("test", home)
    server, _ = servers("test", home)
    stop("test", home)
    password = server.directory / "postgres.password"
    kept = password.read_text()
    password.unlink()
    with pytest.raises(ServersUnavailable, match=r"postgres\.password is lost, so nobody can log in"):
        urls("test", home)
    password.write_text(kept)
    (server.data_directory / "PG_VERSION").write_text("17\n")
    with pytest.raises(ServersUnavailable, match=r"was made by PostgreSQL 17, this is 18\. Dump it"):
        urls("test", home)


def test_refusal_of_the_server_itself_is_passed_on(home: Home) -> None:
    urls("test", home)
    server, _ = servers("test", home)
    stop("test", home)
    (server.data_directory / "postgresql.auto.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(ServersUnavailable, match=r"PostgreSQL: pg_ctl failed: .* ends with: .*no_such_setting"):
        urls("test", home)


def test_full_disk_is_read_from_the_log(home: Home) -> None:
    home.prepare("test")
    server, _ = servers("test", home)
    server.log.write_text("2026-11-21 [7] FATAL:  could not write to file: No space left on device\n")
    assert server.explain() == f"The disk at {home.path} is full. Free some space and try again."
