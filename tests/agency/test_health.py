"""Health and metrics: what answers, what fails and says so, what is counted."""

import io
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.core.cache import cache
from django.core.management import call_command
from django.db import connections
from django.test import Client as Browser
from django.utils import translation

from agency.kit import health as kit_health
from agency.kit import metrics
from agency.kit.health import CANARY_KEY, Finding, Health, run_checks
from agency.operations.liveness import note_canary
from agency.selectors import health
from agency.tasks import canary

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    """An empty cache and no counters; findings in English, whose words the tests know."""
    cache.clear()
    metrics._counters().delete(metrics.KEY)
    with translation.override("en"):
        yield


def test_the_process_answers_without_anything_else(client: Browser, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_ready_needs_a_canary_of_every_queue(client: Browser, settings: Any) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 503
    body = answer.json()
    assert (body["ready"], body["checks"]["database"], body["checks"]["redis"]) == (False, "ok", "ok")
    assert body["checks"]["queues"] == "failed"
    for queue in settings.QUEUES:
        note_canary(queue=queue)
    assert client.get("/readyz").json()["checks"]["queues"] == "ok"
    cache.set(CANARY_KEY.format(queue="send"), time.time() - 121)
    with translation.override("en"):  # the requests above have left the browser's language behind
        finding = health.check_queues()
    assert (finding.health, finding.text) == (Health.FAILED, "nothing consumes: send")
    assert "Procfile" in finding.todo


def test_a_canary_notes_the_queue_it_came_by(settings: Any) -> None:
    canary.push_request(delivery_info={"routing_key": "bulk"})  # type: ignore[call-arg]  # as a worker does
    canary.run()
    ages = health.canary_ages()
    assert [queue for queue, age in ages.items() if age is not None] == ["bulk"]
    assert ages["bulk"] is not None
    assert ages["bulk"] < 5


def test_a_check_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Finding:
        raise ConnectionRefusedError("no route\nmore")

    monkeypatch.setitem(kit_health._checks, "x", kit_health.Check("x", broken, False))
    assert run_checks()["x"] == Finding(Health.FAILED, "ConnectionRefusedError: no route", "See the text of the error.")


def test_a_server_that_does_not_answer_is_named_once(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    nowhere = {"host": "127.0.0.1", "port": "1", "dbname": "none"}
    monkeypatch.setattr(connections["default"], "get_connection_params", lambda: nowhere)
    with translation.override("en"):
        found = run_checks()
    assert (found["database"].health, found["redis"].health) == (Health.FAILED, Health.FAILED)
    assert found["database"].todo == "Start PostgreSQL, or correct DATABASE_URL (on your own machine: unset it)."
    assert found["redis"].todo == "Start Valkey, or correct REDIS_URL (on your own machine: unset it)."
    without = {name for name, finding in found.items() if finding.text.startswith("not looked at without")}
    assert without == {
        "queues",
        "workers",
        "migrations",
        "clock",
        "webhooks",
        "beat",
        "schedules",
        "references",
        "freeze",
        "sandbox",
    }
    assert found["clock"] == Finding(Health.FAILED, "not looked at without database, redis")


def test_metrics_are_read_when_they_are_scraped(client: Browser, settings: Any) -> None:
    metrics.add("sends", 200, outcome="sent")
    metrics.add("sends", 3, outcome="failed")
    metrics.add("sweep_repairs", 2, what="wave")
    metrics.add("lease_expiries", 0)
    note_canary(queue="send")
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        broker.delete("send")  # what earlier tests enqueued and no worker took
    page = client.get("/metrics").content.decode()
    for line in (
        'batuta_sends_total{outcome="sent"} 200.0',
        'batuta_sends_total{outcome="failed"} 3.0',
        'batuta_sweep_repairs_total{what="wave"} 2.0',
        'batuta_queue_length{queue="send"} 0.0',
    ):
        assert line in page.splitlines()
    age = re.search(r'batuta_queue_age_seconds\{queue="send"\} ([\d.e-]+)', page)
    assert age is not None
    assert float(age[1]) < 5
    assert 'queue_age_seconds{queue="bulk"}' not in page


def test_counting_needs_declared_names_and_never_fails_its_caller(settings: Any) -> None:
    with pytest.raises(KeyError):
        metrics.add("nothing")
    with pytest.raises(ValueError, match="outcome"):
        metrics.add("sends", 1, result="sent")
    settings.CACHES = {"default": {"LOCATION": "redis://127.0.0.1:1/0"}}
    begun = time.monotonic()
    metrics.add("sends", 1, outcome="sent")
    assert time.monotonic() - begun < 1


def test_doctor_says_what_to_do_and_prints_keys() -> None:
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("doctor", stdout=out)
    text = out.getvalue()
    assert re.search(r"^ok +database +PostgreSQL 18", text, re.MULTILINE)
    assert re.search(r"^ok +migrations +all applied$", text, re.MULTILINE)
    assert re.search(r"^FAILED +queues +nothing consumes: beat, bulk", text, re.MULTILINE)
    assert "→ Start the workers" in text
    keys = io.StringIO()
    call_command("doctor", "--keys", stdout=keys)
    assert re.fullmatch(r"SECRET_KEY=\S{60,}\nENCRYPTION_KEYS=\S{44}\n", keys.getvalue())


def test_keys_are_printed_before_production_has_any() -> None:
    bare = {"PATH": "", "DJANGO_SETTINGS_MODULE": "agency.settings.production"}
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--keys"],
        cwd=django_settings.BASE_DIR,
        env=bare,
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch(r"SECRET_KEY=\S{60,}\nENCRYPTION_KEYS=\S{44}\n", done.stdout)
