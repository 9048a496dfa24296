"""Secrets are planted through the real doors, everything goes wrong around them, and then whatever was written is searched for them."""

import asyncio
import io
import json
import logging
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.core.cache import cache
from django.test import Client as Browser
from django.urls import reverse
from django_celery_results.models import TaskResult

from agency.celery import app
from agency.kit.actor import Actor
from agency.models import AuditEntry, User
from agency.operations.accounts import create_administrator
from agency.settings.logs import logging_settings
from agency.views import health
from integrations import door as door_module
from integrations.connections import connection_facts
from integrations.models import Connection
from integrations.webhooks.known_connections import ConnectionRow
from tests.house.test_nobody_sees_more import admin_addresses
from tests.integrations.door_calls import address, call, new_door
from tests.integrations.raw_server import Exchange, raw_server
from tests.integrations.signing import Signed
from tests.worlds import make_token, make_world

pytestmark = pytest.mark.django_db

API_KEY = 'planted/connection+key"4711'  # with what JSON and addresses write otherwise
WEBHOOK = "planted-webhook-secret-4712"
PASSWORD = "planted-Password-4713-harbour"


@pytest.fixture
def logs() -> Iterator[list[io.StringIO]]:
    """Everything that is logged meanwhile, as production and as a person's own machine write it."""
    formatters = logging_settings(level="DEBUG", json_lines=True)["formatters"]
    root, before = logging.getLogger(), logging.getLogger().level
    handlers = []
    for name in ("json", "readable"):
        chosen = dict(formatters[name])
        handler = logging.StreamHandler(io.StringIO())
        handler.setFormatter(chosen.pop("()")(**chosen))
        handlers.append(handler)
        root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield [handler.stream for handler in handlers]
    root.setLevel(before)
    for handler in handlers:
        root.removeHandler(handler)


@pytest.fixture
def indiscreet() -> Iterator[str]:
    """The address of a service that quotes the caller's key in its error, in clear and in an address."""
    started, stop = threading.Event(), threading.Event()
    found: list[str] = []
    body = orjson.dumps({"message": f"bad key {API_KEY} in GET /instance?apikey={quote(API_KEY, safe='')}"})

    async def quoting(exchange: Exchange) -> None:
        await exchange.read_request()
        await exchange.answer(body, "401 Unauthorized")

    async def serve() -> None:
        async with raw_server(quoting) as server:
            found.append(server.url)
            started.set()
            while not stop.is_set():
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(5)
    yield found[0]
    stop.set()
    thread.join(5)


def connect(browser: Browser, base_url: str) -> Connection:
    """Plants two secrets through the admin's form."""
    given = {"name": "Line", "client": "", "base_url": base_url, "api_key": API_KEY, "webhook_token": WEBHOOK}
    answer = browser.post(reverse("admin:integrations_connection_add") + "?service=evolution", given)
    assert answer.status_code == 302, answer.content.decode()
    connection = Connection.objects.latest("pk")
    assert connection_facts(connection.pk).secrets == {"api_key": API_KEY, "webhook_token": WEBHOOK}
    return connection


def knock(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A webhook whose signature is almost right, and which quotes the secret."""

    async def rows() -> list[ConnectionRow]:
        sealed = bytes(connection.sealed_secrets)
        named = (connection.pk, connection.service, connection.name, connection.key)
        return [(*named, connection.settings, sealed, connection.source)]

    monkeypatch.setattr(door_module, "_read_connections", rows)
    signed = Signed({"Authorization": f"Bearer {WEBHOOK}x", "content-type": "application/json"}, WEBHOOK.encode())

    async def steps() -> bytes:
        door = new_door()
        try:
            answer = await call(door, address(connection), signed)
        finally:
            await door.aclose()
        assert answer.status == 401
        return answer.body

    return asyncio.run(steps())


def break_a_request(monkeypatch: pytest.MonkeyPatch, text: str) -> bytes:
    """An exception that quotes everything, inside a request."""

    def checks(**_given: Any) -> None:
        raise RuntimeError(text)

    monkeypatch.setattr(health, "run_checks", checks)
    answer = Browser(raise_request_exception=False).get("/readyz")
    assert answer.status_code == 500
    return answer.content


def fail_a_task(text: str) -> None:
    """A task that fails with everything in its error, kept as the worker keeps it."""
    request = SimpleNamespace(
        task="house.broken", hostname="here", group=None, chord=None, args=[], kwargs={}, id="planted"
    )
    app.backend.store_result(
        "planted", RuntimeError(text), "FAILURE", traceback=f"RuntimeError: {text}", request=request
    )


def rows_of_every_table() -> Iterator[tuple[str, str]]:
    """Every stored row as text."""
    for model in apps.get_models():
        for row in model._default_manager.values_list():
            yield (
                model._meta.label,
                " ".join(
                    bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)
                    for value in row
                ),
            )


def pages(browser: Browser) -> Iterator[tuple[str, str]]:
    """Every admin page of the newest record of each kind, and every list."""
    for model, model_admin in admin.site._registry.items():
        record = model._default_manager.order_by("-pk").first()
        for place in admin_addresses(model_admin, record.pk) if record else []:
            answer = browser.get(place)
            yield place, "" if answer.streaming else answer.content.decode()


def test_no_planted_secret_comes_to_light(
    logs: list[io.StringIO], indiscreet: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.clear()
    create_administrator(actor=Actor.system("test"), email="root@example.com", password=PASSWORD, name="Root")
    world, root = make_world(), User.objects.get(email="root@example.com")
    token = make_token(root, scopes=("contacts:read",))[1]
    written: list[tuple[str, str]] = []

    browser = Browser()
    for password, where in ((f"{PASSWORD}x", ""), (PASSWORD, "/admin/")):
        given = {"login": "root@example.com", "password": password, "next": "/admin/"}
        answer = browser.post("/accounts/login/", given)
        assert answer.headers.get("Location", "") == where
        written.append(("sign-in", answer.content.decode()))

    connection = connect(browser, indiscreet)
    answer = browser.post(reverse("admin:integrations_connection_changelist") + f"{connection.pk}/do/check/")
    written.append(("check", answer.content.decode()))
    connection.refresh_from_db()
    assert connection.health == "failed" and connection.health_text.count("***") >= 2
    assert AuditEntry.objects.filter(action="check_connection", subject_id=connection.pk).exists()

    for path, secret, status in (
        (f"contacts/{world.contact.pk}", token, 200),
        ("campaigns", token, 403),
        ("contacts", f"{token}x", 401),
    ):
        answer = Browser().get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == status, answer.content
        written.append((path, answer.content.decode()))

    written.append(("webhook", knock(connection, monkeypatch).decode()))
    everything = (
        f"GET https://x.example/?apikey={quote(API_KEY, safe='')} {API_KEY} {WEBHOOK} {token} "
        f"{settings.SECRET_KEY} {settings.ENCRYPTION_KEYS[0]} password={PASSWORD}"
    )
    written.append(("error page", break_a_request(monkeypatch, everything).decode()))
    logging.getLogger("house").warning("deep", extra={"given": {"keys": [API_KEY, WEBHOOK]}, "url": f"?token={token}"})
    fail_a_task(f"{API_KEY} {WEBHOOK} {settings.SECRET_KEY}")
    assert TaskResult.objects.get(task_id="planted").task_name == "house.broken"
    written.append(("result in Redis", json.dumps(app.backend.get_task_meta("planted"), default=str)))

    written += pages(browser)
    written += rows_of_every_table()
    as_json, readable = (stream.getvalue() for stream in logs)
    assert all(isinstance(json.loads(line), dict) for line in as_json.splitlines())
    for text in (as_json, readable):
        assert "webhook refused" in text and "RuntimeError" in text and "***" in text
    written += [("JSON log", as_json), ("readable log", readable)]

    plants = [WEBHOOK, PASSWORD, token, settings.SECRET_KEY, settings.ENCRYPTION_KEYS[0], API_KEY]
    plants += [quote(API_KEY, safe=""), json.dumps(API_KEY)[1:-1], API_KEY.replace('"', "&quot;")]
    assert [(where, plant) for where, text in written for plant in plants if plant in text] == []
