"""Every list as a file: narrowed, ordered and masked as shown, harmless in a spreadsheet, noted where it holds people."""

import csv
import io
from typing import Any

import pytest
from django.contrib.admin import site
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agency.models import AuditEntry, Client, ClientGrant, User
from agency.states import Role
from messaging.models import Consent, Message, Suppression
from tests.worlds import MARK, make_employee, make_person, make_world

pytestmark = pytest.mark.django_db


def browser_of(user: User) -> Browser:
    browser = Browser(headers={"Accept-Language": "en"})
    browser.force_login(user)
    return browser


def address_of(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_export")


def rows_of(browser: Browser, model: Any, **query: str) -> list[list[str]]:
    answer: Any = browser.get(address_of(model), query)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    content = b"".join(answer.streaming_content)
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_every_list_is_a_file_for_who_sees_it_and_empty_for_a_stranger() -> None:
    world = make_world()
    make_employee()
    root = browser_of(make_person("root", is_superuser=True, language="en"))
    stranger = browser_of(make_person("eve", Role.ACCOUNT_MANAGER, language="en"))
    held = set()
    for model, model_admin in site._registry.items():
        if not model_admin.exports:  # type: ignore[attr-defined]
            assert root.get(address_of(model)).status_code == 403
            continue
        columns, *rows = rows_of(root, model)
        assert all(columns) and all(len(row) == len(columns) for row in rows), model
        assert "<" not in str(rows), model
        if MARK in str(rows):
            held.add(model._meta.model_name)
        page = root.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"))
        assert f'href="{address_of(model)}"' in page.content.decode(), model
        answer: Any = stranger.get(address_of(model))
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert answer.status_code in (200, 403) and MARK.lower() not in content.decode().lower(), model
    assert {"client", "contact", "message", "suppression", "campaign", "execution", "sender", "sendjob"} <= held
    assert world.contact.phone is not None


def test_the_file_follows_filters_search_and_order_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agency.admin.exporting.PIECE", 2)
    director = make_person("dora", Role.DIRECTOR, language="en")
    clients = [Client.objects.create(name=f"c{number}", slug=f"c{number}") for number in range(5)]
    for client in clients:
        for name in ("b", "a"):
            Suppression.objects.create(client=client, channel=2, address=f"{name}@{client}.com", reason="manual")
    browser = browser_of(director)
    with CaptureQueriesContext(connection) as queries:
        newest_first = rows_of(browser, Suppression)
    assert newest_first[0][:4] == ["address", "client", "channel", "reason"]
    assert [row[0] for row in newest_first[1:]] == [f"{name}@c{n}.com" for n in (4, 3, 2, 1, 0) for name in "ab"]
    read = [query["sql"] for query in queries if 'FROM "messaging_suppression"' in query["sql"]]
    assert not any("OFFSET" in sql for sql in read)
    by_address = rows_of(browser, Suppression, o="0", p="1")
    assert [row[0] for row in by_address[1:]] == [f"{name}@c{n}.com" for name in "ab" for n in range(5)]
    assert [row[0] for row in rows_of(browser, Suppression, q="a@c1")[1:]] == ["a@c1.com"]
    narrowed = rows_of(browser, Suppression, client__id__exact=str(clients[2].pk), o="-0")
    assert [row[:3] for row in narrowed[1:]] == [["b@c2.com", "c2", "e-mail"], ["a@c2.com", "c2", "e-mail"]]
    entry = AuditEntry.objects.filter(action="read_personal_data").latest("id")
    assert (entry.actor, entry.client, entry.after["narrowed_by"]) == ("dora", clients[2], ["client__id__exact"])
    page = browser.get(reverse("admin:messaging_suppression_changelist"), {"q": "a@", "o": "1", "id__lt": "9999999"})
    assert f'href="{address_of(Suppression)}?q=a%40&amp;o=1"' in page.content.decode()
    assert browser.get(address_of(Suppression), {"nothing": "1"}).status_code in (302, 400)


def test_a_file_that_is_cut_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agency.admin.exporting.PIECE", 2)
    browser = browser_of(director := make_person("dora", Role.DIRECTOR, language="en"))
    for number in range(4):
        client = Client.objects.create(name=f"c{number}", slug=f"c{number}")
        ClientGrant.objects.create(user=director, client=client)
    model_admin = site._registry[ClientGrant]
    for most, query in ((3, {}), (3, {"o": "2"}), (2, {})):
        monkeypatch.setattr(model_admin, "export_rows", most)
        rows = rows_of(browser, ClientGrant, **query)
        assert len(rows) == most + 2
        assert rows[-1] == [f"Only the first {most} records are here. Narrow the list to get the others."]
    for query in ({}, {"o": "2"}):
        monkeypatch.setattr(model_admin, "export_rows", 4)
        assert len(rows_of(browser, ClientGrant, **query)) == 5
    assert not AuditEntry.objects.filter(action="read_personal_data").exists()


def test_people_are_masked_and_no_cell_is_a_formula() -> None:
    world = make_world()
    Message.objects.update(text="=HYPERLINK(0)")
    reader = browser_of(make_person("rui", Role.READ_ONLY, world.client, language="en"))
    for model in (Message, Consent, Suppression):
        columns, row = rows_of(reader, model)
        assert len(row) == len(columns)
        assert "Silva" not in str(row) and "HYPERLINK" not in str(row) and f"{MARK}@x.com" not in row
    assert not AuditEntry.objects.filter(action="read_personal_data").exists()
    assert reader.get(reverse("admin:messaging_contact_export")).status_code == 403
    manager = browser_of(make_person("ana", Role.ACCOUNT_MANAGER, world.client, language="en"))
    (row,) = rows_of(manager, Message)[1:]
    assert "'=HYPERLINK(0)" in row and f"{MARK} Silva" in row
    assert AuditEntry.objects.get(action="read_personal_data").after == {"what": "messages"}
