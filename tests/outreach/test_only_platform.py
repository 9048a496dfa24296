"""`make up` and `make demo` disturb nobody: one at a time in a checkout, and no messages of others are dropped without consent."""

import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from django.core.management import CommandError, call_command

from campaigns.outreach.demo import platform
from campaigns.outreach.demo.platform import PlatformRefused, forget_messages, only_platform

DATABASE = 13  # of the private Valkey; no other test uses it


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout's `.batuta` where no platform runs."""
    monkeypatch.setattr(platform, "LOGS", tmp_path / "logs")
    return tmp_path


@pytest.fixture
def broker(settings: Any) -> Iterator["redis.Redis"]:
    """A Redis database that counts as given."""
    settings.REDIS_URL = urlsplit(settings.REDIS_URL)._replace(path=f"/{DATABASE}").geturl()
    settings.REDIS_IS_PRIVATE = False
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()
        yield client
        client.flushdb()


def test_messages_of_others_are_kept_without_consent(broker: "redis.Redis", settings: Any) -> None:
    with only_platform(empty_queues=False):
        pass
    broker.rpush("send", "a", "b")
    broker.rpush("beat", "c")
    with (
        pytest.raises(PlatformRefused, match=r"holds messages of Batuta \(beat 1, send 2\).* --empty-queues"),
        only_platform(empty_queues=False),
    ):
        pytest.fail("it was let in")
    assert (broker.llen("send"), broker.llen("beat")) == (2, 1)
    with only_platform(empty_queues=True):
        forget_messages()
    assert (broker.llen("send"), broker.llen("beat")) == (0, 0)
    broker.rpush("send", "a")
    settings.REDIS_IS_PRIVATE = True
    with only_platform(empty_queues=False):
        pass


@pytest.mark.parametrize("command", ["up", "demo"])
def test_a_refused_command_changes_nothing(command: str, broker: "redis.Redis") -> None:
    """Without the mark `django_db`: a statement to the database would fail the test."""
    broker.rpush("bulk", "a")
    with pytest.raises(CommandError, match=r"holds messages of Batuta \(bulk 1\)"):
        call_command(command)
    assert broker.llen("bulk") == 1


@pytest.mark.parametrize("command", ["up", "demo"])
def test_one_platform_at_a_time(command: str, folder: Path) -> None:
    log = folder / "sandbox.jsonl"
    log.write_text("{}\n")
    with only_platform(empty_queues=False):
        with pytest.raises(CommandError, match="`make up` or `make demo` already runs in this checkout"):
            call_command(command)
        assert log.read_text() == "{}\n"
    with (folder / "platform.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # free again
