"""First start, second start, several at once, and what the servers are like."""

import os
import shlex
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

import agency
from agency import embedded
from agency.embedded import PURPOSES, Home, Purpose, ServersUnavailable, __main__, stop, urls
from agency.embedded.home import check_space
from agency.embedded.programs import check_platform, find_programs
from tests.embedded.running import lives, pids, servers_user

CHECKOUT = Path(agency.__file__).resolve().parents[1]


def modes(*paths: Path) -> dict[Path, int]:
    return {place: place.stat().st_mode for path in paths for place in (path, *path.parents)}


@pytest.mark.parametrize(("purpose", "durable"), [("main", "on"), ("test", "off")])
def test_servers_are_as_promised(shared_home: Home, purpose: Purpose, durable: str) -> None:
    watched = (shared_home.checkout, find_programs().postgres_bin, find_programs().valkey)
    before = modes(*watched)

    found = urls(purpose, shared_home)

    assert modes(*watched) == before
    with psycopg.connect(found.database_url) as connection:
        settings = (
            "data_directory",
            "listen_addresses",
            "fsync",
            "synchronous_commit",
            "full_page_writes",
            "server_encoding",
        )
        values = [connection.execute(f"SHOW {name}").fetchone() for name in settings]
        data = str(shared_home.path / purpose / "postgres")
        assert values == [(data,), ("",), (durable,), (durable,), (durable,), ("UTF8",)]
        query = "SELECT datlocprovider, datlocale, datcollate, current_user FROM pg_database WHERE datname = current_database()"
        assert connection.execute(query).fetchone() == ("b", "PG_UNICODE_FAST", "C", "batuta")
        assert connection.info.dbname == "batuta"
    with redis.Redis.from_url(found.redis_url) as client:
        config = client.config_get("dir", "appendonly", "appendfsync", "maxmemory-policy", "bind", "port")
    port = found.redis_url.rsplit(":", 1)[1].removesuffix("/0")
    assert config == {
        "dir": str(shared_home.path / purpose / "valkey"),
        "appendonly": "yes",
        "appendfsync": "everysec" if durable == "on" else "no",
        "maxmemory-policy": "noeviction",
        "bind": "127.0.0.1",
        "port": port,
    }

    sockets = Path(found.database["HOST"])
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert {path.name for path in sockets.iterdir()} == {".s.PGSQL.5432", ".s.PGSQL.5432.lock", "valkey"}
    for pid in pids(shared_home, purpose):
        assert os.getsid(pid) == pid != os.getsid(0)
        assert psutil.Process(pid).uids().real == servers_user()
        assert psutil.Process(pid).net_connections("tcp") == [] or psutil.Process(pid).name() == "valkey-server"


def test_passwords_are_needed(shared_home: Home) -> None:
    found = urls("test", shared_home)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(found.database_url.replace("batuta:", "batuta:x", 1))
    with (
        redis.Redis.from_url(found.redis_url.replace(":@", ":").replace("://:", "://:x")) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


def test_running_servers_are_found_in_milliseconds(shared_home: Home) -> None:
    first = urls("test", shared_home)
    before = pids(shared_home, "test")
    durations = []
    for _ in range(10):
        started = time.process_time()  # not the clock: other programs may keep the machine busy
        assert urls("test", shared_home) == first
        durations.append(time.process_time() - started)
    assert min(durations) < 0.02
    assert pids(shared_home, "test") == before


def test_commands_at_once_start_one_server_each(home: Home) -> None:
    program = "import sys; from agency.embedded import Home, urls; from pathlib import Path; print(urls('test', Home(Path(sys.argv[1]))))"
    commands = [
        subprocess.Popen(
            [sys.executable, "-c", program, home.checkout], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    answers = {command.communicate(timeout=120)[0] for command in commands}

    assert [command.returncode for command in commands] == [0, 0, 0, 0]
    assert answers == {f"{urls('test', home)}\n"}
    data = {str(home.path / "test" / name) for name in ("postgres", "valkey")}
    ours = {process.pid: process for process in psutil.process_iter(["cwd"]) if process.info["cwd"] in data}
    masters = [process.info["cwd"] for process in ours.values() if process.ppid() not in ours]
    assert sorted(masters) == sorted(data)


def test_command_line(home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(embedded, "CHECKOUT", home.checkout)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["embedded", *arguments])
        return __main__.main(), capsys.readouterr().out

    code, said = run("start", "test")
    postgres, valkey = pids(home, "test")
    lines = [
        f"test   PostgreSQL  running, process {postgres}, {home.path}/test/postgres",
        f"test   Valkey      running, process {valkey}, {home.path}/test/valkey",
    ]
    assert (code, said.splitlines()) == (0, lines)
    found = urls("test", home)
    assert shlex.split(run("urls", "test")[1]) == [
        "export",
        f"DATABASE_URL={found.database_url}",
        f"REDIS_URL={found.redis_url}",
    ]
    idle = [
        f"main   PostgreSQL  not running, {home.path}/main/postgres",
        f"main   Valkey      not running, {home.path}/main/valkey",
    ]
    other, faults = (
        [line.replace("main  ", f"{purpose:6}", 1).replace("/main/", f"/{purpose}/") for line in idle]
        for purpose in ("test2", "faults")
    )
    code, said = run("status")
    assert (code, said.splitlines()) == (3, idle + lines + other + faults)
    assert run("stop", "main") == (0, "")
    assert run("stop") == (0, "stopped PostgreSQL (test)\nstopped Valkey (test)\n")
    assert run("stop") == (0, "")
    assert not lives(postgres)
    assert not lives(valkey)


def test_nothing_is_made_by_asking(home: Home) -> None:
    assert stop(home=home) == []
    assert [fact.pid for fact in embedded.status(home)] == [0] * 2 * len(PURPOSES)
    assert not home.path.exists()


def test_local_secret_is_stable_and_private(home: Home) -> None:
    secret = embedded.local_secret("secret_key", home)
    assert len(secret) == 44
    assert embedded.local_secret("secret_key", home) == secret
    assert embedded.local_secret("encryption_key", home) != secret
    path = home.path / "secrets"
    assert [stat.S_IMODE(place.stat().st_mode) for place in (path, path / "secret_key")] == [0o700, 0o600]


def test_socket_path_stays_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert Home(Path("/home/ana/batuta")).sockets("main") == Path("/home/ana/batuta/.batuta/main/s")
    deep = Home(Path("/home/ana") / ("x" * 90)).sockets("main")
    assert deep.parent == Path("/tmp")
    assert len(str(deep / ".s.PGSQL.5432")) < 100


@pytest.mark.parametrize(
    ("system", "machine", "libc", "complaint"),
    [
        ("Linux", "x86_64", "glibc 2.28", ""),
        ("Linux", "aarch64", "glibc 2.40", ""),
        ("Darwin", "arm64", "", ""),
        ("Linux", "x86_64", "glibc 2.27", "need glibc 2.28 or newer; this system has glibc 2.27"),
        ("Linux", "x86_64", "", "this system has another C library"),
        ("Linux", "riscv64", "glibc 2.40", "not on riscv64"),
        ("Darwin", "x86_64", "", "not on Darwin x86_64"),
        ("Windows", "AMD64", "", "not on Windows AMD64"),
    ],
)
def test_platforms(system: str, machine: str, libc: str, complaint: str) -> None:
    if not complaint:
        check_platform(system, machine, libc)
        return
    with pytest.raises(ServersUnavailable, match=complaint) as refusal:
        check_platform(system, machine, libc)
    assert "Set DATABASE_URL and REDIS_URL" in str(refusal.value)


def test_full_disk_is_said(tmp_path: Path) -> None:
    check_space(tmp_path, 1)
    with pytest.raises(
        ServersUnavailable, match=r"The disk is full: \d+ MB are free at .* need 953674316 MB\. Free some"
    ):
        check_space(tmp_path, 10**15)
