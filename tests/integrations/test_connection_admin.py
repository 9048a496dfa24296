"""The admin of connections: form from the manifest, secrets write-only, the test button."""

import asyncio
import threading
from collections.abc import Iterator

import orjson
import pytest
from django.contrib.auth.models import Permission
from django.test import Client as Browser
from django.urls import reverse
from django.utils.html import escape
from pytest_django import Settings

from agency.models import AuditEntry, Client, ClientGrant, User
from integrations.connections import connection_facts
from integrations.models import Connection
from tests.integrations.raw_server import RawServer, answering, raw_server

pytestmark = pytest.mark.django_db

ADD = reverse("admin:integrations_connection_add")


@pytest.fixture
def browser() -> Browser:
    User.objects.create_superuser("root@example.com", "root@example.com", password="irrelevant")
    browser = Browser()
    browser.force_login(User.objects.get(email="root@example.com"))
    return browser


@pytest.fixture
def resend_server() -> Iterator[RawServer]:
    """A server in another thread, because the admin's button waits for its answer."""
    started, stop = threading.Event(), threading.Event()
    found: list[RawServer] = []
    body = orjson.dumps({"object": "list", "data": [{"id": "d1", "name": "loja.example.com", "status": "verified"}]})

    async def serve() -> None:
        async with raw_server(answering(body)) as server:
            found.append(server)
            started.set()
            while not stop.is_set():
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    started.wait(5)
    yield found[0]
    stop.set()
    thread.join(5)


def connect(browser: Browser, **fields: str) -> Connection:
    given = {"name": "Mail", "client": "", "api_key": "re_top_secret", "webhook_secret": "whsec_c2VjcmV0", **fields}
    answer = browser.post(f"{ADD}?service=resend", given)
    assert answer.status_code == 302, answer.content.decode()
    return Connection.objects.latest("pk")


def change_url(connection: Connection) -> str:
    return reverse("admin:integrations_connection_change", args=(connection.pk,))


def test_choosing_a_service_and_connecting_it(browser: Browser) -> None:
    page = browser.get(ADD).content.decode()
    for title in ("WhatsApp Cloud API", "Evolution API", "Twilio", "Resend", "SMTP"):
        assert title in page
    form = browser.get(f"{ADD}?service=resend").content.decode()
    assert 'name="api_key"' in form and 'name="webhook_secret"' in form and 'name="base_url"' in form
    assert form.count('type="password"') == 2
    assert browser.get(f"{ADD}?service=nothing").status_code == 404
    connection = connect(browser)
    assert connection_facts(connection.pk).secrets == {"api_key": "re_top_secret", "webhook_secret": "whsec_c2VjcmV0"}
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.actor) == ("create_connection", "root@example.com")


def test_a_refusal_of_the_operation_stands_beside_its_field(browser: Browser) -> None:
    before = Connection.objects.count()
    given = {"name": "Mail", "client": "", "api_key": "k", "webhook_secret": "w", "base_url": "ftp://x"}
    answer = browser.post(f"{ADD}?service=resend", given)
    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == ["base_url"]
    assert Connection.objects.count() == before


def test_secrets_are_never_shown_and_kept_when_left_empty(browser: Browser) -> None:
    connection = connect(browser)
    page = browser.get(change_url(connection)).content.decode()
    assert "re_top_secret" not in page and "whsec_c2VjcmV0" not in page
    assert f"/webhooks/resend/{connection.key}" in page
    given = {"name": "Renamed", "api_key": "", "webhook_secret": "whsec_bmV3", "base_url": ""}
    assert browser.post(change_url(connection), given).status_code == 302
    connection.refresh_from_db()
    assert connection.name == "Renamed"
    assert connection_facts(connection.pk).secrets == {"api_key": "re_top_secret", "webhook_secret": "whsec_bmV3"}


def test_the_test_button(browser: Browser, resend_server: RawServer, settings: Settings) -> None:
    connection = connect(browser, base_url=resend_server.url)
    answer = browser.post(f"{change_url(connection).removesuffix('change/')}do/check/")
    assert answer.status_code == 302
    connection.refresh_from_db()
    assert (connection.health, connection.checked_at is not None) == ("ok", True)
    assert resend_server.requests[0].startswith(b"GET /domains HTTP/1.1")

    settings.SANDBOX_URL = "http://127.0.0.1:9"  # nothing listens on the discard port
    answer = browser.post(f"{change_url(connection).removesuffix('change/')}do/check/")
    assert answer.status_code == 200
    connection.refresh_from_db()
    assert connection.health == "failed"
    assert escape(connection.health_text) in answer.content.decode()


def test_enabling_and_disabling(browser: Browser) -> None:
    connection = connect(browser)
    url = change_url(connection).removesuffix("change/")
    assert browser.post(f"{url}do/disable/").status_code == 302
    connection.refresh_from_db()
    assert connection.enabled is False
    assert browser.post(f"{url}do/enable/").status_code == 302
    connection.refresh_from_db()
    assert connection.enabled is True


def test_nobody_without_permission(browser: Browser) -> None:
    connection = connect(browser)
    User.objects.create_user("staff@example.com", "staff@example.com", password="irrelevant", is_staff=True)
    browser.force_login(User.objects.get(email="staff@example.com"))
    assert browser.get(ADD).status_code == 403
    assert browser.get(change_url(connection)).status_code in (302, 403, 404)
    assert browser.post(f"{change_url(connection).removesuffix('change/')}do/check/").status_code == 404


def test_whoever_sees_some_clients_connects_for_one_of_them(browser: Browser) -> None:
    manager = User.objects.create_user(
        "manager@example.com", "manager@example.com", password="irrelevant", is_staff=True
    )
    manager.user_permissions.add(
        *Permission.objects.filter(codename__in=("add_connection", "view_connection", "change_connection"))
    )
    mine, theirs = (Client.objects.create(name=slug, slug=slug) for slug in ("mine-admin", "theirs-admin"))
    ClientGrant.objects.create(user=manager, client=mine)
    browser.force_login(manager)
    given = {"name": "Mail", "api_key": "re_top_secret", "webhook_secret": "whsec_c2VjcmV0"}
    before = Connection.objects.count()
    for client in ("", str(theirs.pk)):
        answer = browser.post(f"{ADD}?service=resend", {**given, "client": client})
        assert answer.status_code == 200
        assert list(answer.context["adminform"].form.errors) == ["client"]
    assert Connection.objects.count() == before
    assert browser.post(f"{ADD}?service=resend", {**given, "client": str(mine.pk)}).status_code == 302
    assert Connection.objects.latest("pk").client == mine
