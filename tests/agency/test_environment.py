"""Where settings come from: variables, files, AWS Secrets Manager; and the sentences for what is wrong."""

import json
import logging.config
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from agency import embedded
from agency.settings import environment as module
from agency.settings import servers
from agency.settings.daily_file import DailyFileHandler
from agency.settings.environment import Environment, revealed
from agency.settings.logs import logging_settings
from agency.settings.secrets_manager import read_secret
from agency.settings.servers import database_from_url, server_urls, with_redis_database


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*Environment.model_fields, "aws_secrets_id"):
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)
    monkeypatch.setitem(Environment.model_config, "env_file", tmp_path / ".env")


def read(monkeypatch: pytest.MonkeyPatch, **values: str) -> Environment:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return module.environment.__wrapped__()


class SecretsManager(BaseHTTPRequestHandler):
    """GetSecretValue of AWS' JSON protocol, for two secrets and an error."""

    secrets = {
        "batuta": '{"SECRET_KEY": "from aws", "LOG_DIR": "/logs", "EMAIL_URL": "smtp://aws"}',
        "text": "no json",
    }

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["X-Amz-Target"] == "secretsmanager.GetSecretValue"
        found = self.secrets.get(asked["SecretId"])
        answer = {"SecretString": found} if found else {"__type": "ResourceNotFoundException", "message": "not found"}
        body = json.dumps(answer).encode()
        self.send_response(200 if found else 400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        return


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with HTTPServer(("127.0.0.1", 0), SecretsManager) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "x")
        monkeypatch.setenv("AWS_REGION", "sa-east-1")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "sa-east-1")
        yield
        server.shutdown()
        thread.join()


def test_order_of_the_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, aws: None) -> None:
    (tmp_path / "key").write_text("from file\n")
    (tmp_path / ".env").write_text("SECRET_KEY=from dotenv\nLOG_DIR=/dotenv\n")
    monkeypatch.setenv("AWS_SECRETS_ID", "batuta")
    found = read(monkeypatch)
    assert (revealed(found.secret_key), found.log_dir, revealed(found.email_url)) == (
        "from dotenv",
        "/dotenv",
        "smtp://aws",
    )
    assert revealed(read(monkeypatch, SECRET_KEY_FILE=str(tmp_path / "key")).secret_key) == "from file"
    assert revealed(read(monkeypatch, SECRET_KEY="from variable").secret_key) == "from variable"
    assert revealed(read(monkeypatch, SECRET_KEY="").secret_key) == "from file", "an empty variable is not set"
    (tmp_path / ".env").unlink()
    assert read(monkeypatch).log_dir == "/logs"


def test_defaults_need_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(monkeypatch)
    assert (found.database_url, found.redis_url, found.secret_key, found.batuta_servers) == (
        None,
        None,
        None,
        "private",
    )
    assert (found.time_zone, found.log_level, found.send_concurrency) == ("America/Sao_Paulo", None, 200)


def test_what_is_wrong_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        read(monkeypatch, TIME_ZONE="Sao Paulo/s3cret", SEND_CONCURRENCY="900", LOG_LEVEL="loud")
    text = str(refusal.value)
    assert text.startswith("Correct these settings: ")
    assert "TIME_ZONE: Value error, not a time zone of the IANA list" in text
    assert "SEND_CONCURRENCY: Input should be less than or equal to 200" in text
    assert "LOG_LEVEL: Input should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'" in text
    assert not {"s3cret", "900", "loud"} & set(text.replace("/", " ").split())


def test_missing_file_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(
        ImproperlyConfigured, match=r"SECRET_KEY_FILE names .*/gone, which cannot be read: .*No such file"
    ):
        read(monkeypatch, SECRET_KEY_FILE=str(tmp_path / "gone"))


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("absent", "names absent, which cannot be read: .*ResourceNotFound"), ("text", "must hold one JSON object")],
)
def test_secrets_manager_refusals(name: str, complaint: str, aws: None) -> None:
    with pytest.raises(ImproperlyConfigured, match=complaint):
        read_secret(name)


def test_database_url() -> None:
    found = database_from_url("postgresql://ana:p%40ss@db.example:6432/batuta?sslmode=require")
    assert found == {
        "NAME": "batuta",
        "USER": "ana",
        "PASSWORD": "p@ss",
        "HOST": "db.example",
        "PORT": "6432",
        "OPTIONS": {"sslmode": "require"},
    }
    private = embedded.urls("test")
    assert database_from_url(private.database_url) == private.database | {"OPTIONS": {}}
    with pytest.raises(ImproperlyConfigured, match=r"must begin with postgresql://, not mysql://"):
        database_from_url("mysql://x/y")


def test_server_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    def urls(**values: str) -> tuple[str, str]:
        given = read(monkeypatch, **values)
        monkeypatch.setattr(servers, "environment", lambda: given)
        return server_urls("test")

    private = embedded.urls("test")
    assert urls() == (private.database_url, private.redis_url)
    assert urls(REDIS_URL="rediss://far:6380/0") == (private.database_url, "rediss://far:6380/0")
    assert urls(BATUTA_SERVERS="none", REDIS_URL="") == ("postgresql://none@127.0.0.1:1/none", "redis://127.0.0.1:1/0")
    assert urls(DATABASE_URL="postgresql://d/b", REDIS_URL="redis://r") == ("postgresql://d/b", "redis://r")
    with pytest.raises(ImproperlyConfigured, match="REDIS_URL must begin with redis://"):
        urls(REDIS_URL="memcached://r")
    assert with_redis_database("rediss://u:p@h:1/0?ssl_cert_reqs=none", 2) == "rediss://u:p@h:1/2?ssl_cert_reqs=none"


def test_unavailable_servers_are_a_setting_to_correct(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(purpose: str) -> None:
        raise embedded.ServersUnavailable("The disk is full.")

    given = read(monkeypatch)
    monkeypatch.setattr(servers, "environment", lambda: given)
    monkeypatch.setattr(embedded, "urls", refuse)
    with pytest.raises(ImproperlyConfigured, match=r"^The disk is full\.$"):
        server_urls("main")


@contextmanager
def production_logging(directory: Path) -> Iterator[logging.Logger]:
    """A logger with the production's handlers, taken off again afterwards."""
    root = logging.getLogger()
    before = list(root.handlers), root.level
    logging.config.dictConfig(logging_settings(level="INFO", json_lines=True, directory=str(directory)))
    yield logging.getLogger("batuta.test")
    for handler in root.handlers:
        if isinstance(handler, DailyFileHandler):
            handler.close()
    root.handlers[:], level = before
    root.setLevel(level)


def test_readable_lines_show_the_traceback_and_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = logging_settings(level="INFO", json_lines=False)
    formatter = logging.config.DictConfigurator(settings).configure_formatter(settings["formatters"]["readable"])
    token = "-".join(("secret", "of", "somebody"))  # so that the lines of this file do not hold it
    try:
        raise ValueError(len(token))
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "failed", (), sys.exc_info())
    line = formatter.format(record)
    assert "ValueError: 18" in line
    assert token not in line


def test_log_lines_are_json_on_stdout_and_in_a_file_a_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, kept, foreign = (tmp_path / name for name in ("batuta-2020-01-01.log", "batuta-2999-01-01.log", "x.log"))
    for path in (old, kept, foreign):
        path.touch()

    with production_logging(tmp_path) as logger:
        logger.info("sent %d messages", 3, extra={"job": 7})
        try:
            raise ValueError("açúcar")
        except ValueError:
            logger.exception("failed")
        logging.getLogger("celery.beat").info("a tick")

    day = datetime.now(UTC).date().isoformat()
    lines = (tmp_path / f"batuta-{day}.log").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    first, second = (json.loads(line) for line in lines)
    assert (first["event"], first["job"], first["level"], first["logger"]) == (
        "sent 3 messages",
        7,
        "info",
        "batuta.test",
    )
    assert datetime.fromisoformat(first["timestamp"]).date().isoformat() == day
    assert second["exception"].endswith("ValueError: açúcar")
    assert [path.exists() for path in (old, kept, foreign)] == [False, True, True]
