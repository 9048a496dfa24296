"""A wrong set-up ends manage.py and the start of private servers with a sentence that says what to do, and without a traceback."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from agency import embedded
from agency.settings.environment import Environment
from tests.house.source import ROOT


def call(*arguments: str, **given: str) -> "subprocess.CompletedProcess[str]":
    """A program of the checkout with these settings and no others."""
    foreign = {name.upper() for name in Environment.model_fields} | {"AWS_SECRETS_ID", "DJANGO_SETTINGS_MODULE"}
    foreign |= {f"{name}_FILE" for name in foreign}
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=kept | given,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def nobodys_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def refusal(command: str, **given: str) -> str:
    """What manage.py says on standard error when it refuses."""
    answer = call("manage.py", command, **given)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert "Traceback" not in answer.stderr
    assert len(answer.stderr.splitlines()) == 1, answer.stderr
    return answer.stderr.strip()


@pytest.mark.parametrize("command", ["migrate", "up", "demo"])
def test_wrong_password(command: str) -> None:
    private = embedded.urls("test")
    wrong = private.database_url.replace(quote(private.database["PASSWORD"]), "n0t-the-one", 1)
    assert wrong != private.database_url
    said = refusal(command, DATABASE_URL=wrong, REDIS_URL=private.redis_url)
    assert said.startswith("The database cannot be reached: ")
    assert "password authentication failed" in said
    assert said.endswith("Correct host, port, user, password and name in DATABASE_URL, or start the server.")
    assert "n0t-the-one" not in said


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_wrong_host(host: str) -> None:
    said = refusal(
        "migrate", DATABASE_URL=f"postgresql://u:s3cret@{host}:{nobodys_port()}/batuta", REDIS_URL="redis://x"
    )
    assert said.startswith("The database cannot be reached: ")
    assert host in said
    assert "s3cret" not in said


def test_a_server_that_ends_any_other_command() -> None:
    said = refusal(
        "sync_schedules",
        DATABASE_URL=f"postgresql://u:s3cret@127.0.0.1:{nobodys_port()}/batuta",
        REDIS_URL="redis://x",
        BATUTA_SERVERS="none",  # without the pool, which would try for half a minute
    )
    assert said.startswith("The database cannot be reached: ")


def test_redis_that_does_not_answer() -> None:
    private = embedded.urls("test")
    said = refusal("up", DATABASE_URL=private.database_url, REDIS_URL=f"redis://:s3cret@127.0.0.1:{nobodys_port()}/0")
    assert said.startswith("Redis does not answer: ")
    assert said.endswith("Correct host, port and password in REDIS_URL, or start the server.")
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("name", "url"),
    [("DATABASE_URL", "postgresql://u:s3cret@h:54x2/batuta"), ("REDIS_URL", "redis://:s3cret/word@h:6379/0")],
)
def test_port_that_is_no_number(name: str, url: str) -> None:
    given = {"DATABASE_URL": "postgresql://u@h/batuta", "REDIS_URL": "redis://h"} | {name: url}
    said = refusal("migrate", **given)
    assert said.startswith(f"{name} has no host and port that can be read: the port is a number")
    assert "s3cret" not in said


def test_production_without_secret_key() -> None:
    said = refusal(
        "migrate",
        DJANGO_SETTINGS_MODULE="agency.settings.production",
        ENCRYPTION_KEYS="x",
        DATABASE_URL="postgresql://h/b",
        REDIS_URL="redis://h",
    )
    assert said == (
        "Set SECRET_KEY (or the same with _FILE, or AWS_SECRETS_ID) before starting in production; "
        "`python manage.py doctor --keys` prints fresh keys."
    )


def test_unreadable_secret_key_file(tmp_path: Path) -> None:
    said = refusal("migrate", SECRET_KEY_FILE=str(tmp_path))
    assert said.startswith(f"SECRET_KEY_FILE names {tmp_path}, which cannot be read: ")


def test_traceback_is_for_who_asks_for_it() -> None:
    answer = call("manage.py", "migrate", "--traceback", DATABASE_URL="mysql://h/b", REDIS_URL="redis://h")
    assert "Traceback" in answer.stderr


def test_no_private_server_is_started_where_both_are_given(tmp_path: Path) -> None:
    """In a checkout of its own, so that what would be started would be seen; the addresses lead nowhere."""
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "agency", checkout / "agency", ignore=shutil.ignore_patterns("__pycache__"))
    program = [sys.executable, "-m", "agency.settings.start", "main"]
    given = {"DATABASE_URL": "postgresql://far/b", "REDIS_URL": "redis://far"}
    kept = {name: value for name, value in os.environ.items() if name not in given}
    answer = subprocess.run(
        program, cwd=checkout, env=kept | given, capture_output=True, text=True, timeout=60, check=False
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (
        0,
        "PostgreSQL and Redis are those of DATABASE_URL and REDIS_URL; no private server is started.\n",
        "",
    )
    assert [fact.pid for fact in embedded.status(embedded.Home(checkout))] == [0] * 2 * len(embedded.PURPOSES)
    assert not embedded.Home(checkout).path.exists()


def test_the_start_of_servers_refuses_with_a_sentence() -> None:
    answer = call("-m", "agency.settings.start", "main", DATABASE_URL="postgresql://h:x/b", REDIS_URL="redis://h")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("DATABASE_URL has no host and port that can be read: ")
    assert call("-m", "agency.settings.start").returncode == 2


def test_private_server_for_the_one_that_is_not_given() -> None:
    answer = call("-m", "agency.settings.start", "test", REDIS_URL="redis://far")
    running = [fact for fact in embedded.status() if fact.purpose == "test"]
    assert answer.stdout.splitlines()[0] == (
        f"PostgreSQL  private, process {running[0].pid}, {running[0].data_directory}"
    )
    assert answer.returncode == 0


def test_make_asks_the_settings() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    for target, purpose in (("demo", "main"), ("up", "main"), ("test", "test")):
        recipe = text.split(f"\n{target}: setup", 1)[1].split("\n\n")[0].splitlines()
        assert recipe[1] == f"\t@$(PYTHON) -m agency.settings.start {purpose}"


@pytest.mark.parametrize(
    "program",
    [
        ("celery", "--app", "agency", "worker"),
        ("celery", "--app", "agency", "beat"),
        ("uvicorn", "agency.asgi:application"),
    ],
)
def test_processes_of_production_refuse_with_a_sentence(program: tuple[str, ...]) -> None:
    answer = call("-m", *program, DJANGO_SETTINGS_MODULE="agency.settings.production")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("Set SECRET_KEY, ENCRYPTION_KEYS, DATABASE_URL, REDIS_URL (or the same with _FILE")
    assert len(answer.stderr.splitlines()) == 1
