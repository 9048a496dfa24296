"""In Chromium: a file of contacts is dropped, its columns are mended, it is tried and run; the bar ends in the result."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from django.core.cache import cache
from django.db import connection
from playwright.sync_api import BrowserContext, expect, sync_playwright

from agency.kit.actor import Actor
from agency.models import Client
from agency.operations.accounts import create_administrator
from messaging.models import Contact, ContactImport
from messaging.runners.import_contacts import run_import
from tests.browser.test_signing_in import CHROMIUM, EMAIL, PASSWORD, sign_in

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
]
ROWS = 300
T = TypeVar("T")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """As a Brazilian spreadsheet saves it; "Contato" holds names, although the detection takes it for the phone."""
    lines = ["Contato;Fone 2;Cidade"]
    lines += [f"João {number};(11) 97{number:03d}-1000;São Paulo" for number in range(ROWS)]
    lines += ["Ninguém;1234;Olinda"]
    path = tmp_path / "clientes.csv"
    path.write_bytes("\r\n".join(lines).encode("cp1252"))
    return path


@pytest.fixture
def context(
    live_server: Any, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BrowserContext]:
    cache.clear()
    settings.MEDIA_ROOT = tmp_path / "media"
    Client.objects.create(name="Aurora", slug="aurora")
    create_administrator(actor=Actor.system("test"), email=EMAIL, password=PASSWORD, name="Ana Lima")
    monkeypatch.setattr("agency.kit.queue.enqueue", lambda *nudge: True)  # the test itself is the worker
    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(base_url=live_server.url, locale="en-US", viewport={"width": 390, "height": 844})
        context.set_default_timeout(60_000)
        yield context
        browser.close()


def aside(work: Callable[[], T]) -> T:
    """Do something with the database in a thread of its own: beside the browser's loop a connection would be left open."""

    def closing() -> T:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=1) as executor:
        return executor.submit(closing).result()


def import_file() -> None:
    """What the worker does with the one import."""
    run_import(ContactImport.objects.get().pk)


def imported() -> tuple[int, list[tuple[str, str | None, dict[str, str]]]]:
    """How many people there are, and one of them."""
    one = Contact.objects.filter(name="João 7").values_list("name", "phone", "attributes")
    return Contact.objects.count(), list(one)


def test_a_file_is_dropped_mended_tried_and_run(context: BrowserContext, file: Path) -> None:
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    sign_in(page)
    page.goto("/admin/messaging/contactimport/add/")
    page.select_option("select[name=client]", label="Aurora")
    # A file dragged from the desktop, as far as a page can tell.
    dropped = page.evaluate_handle(
        """content => { const held = new DataTransfer();
            held.items.add(new File([Uint8Array.from(content)], 'clientes.csv')); return held; }""",
        list(file.read_bytes()),
    )
    page.dispatch_event("#import-drop", "drop", {"dataTransfer": dropped})
    expect(page.locator("#import-name")).to_have_text("clientes.csv")
    page.get_by_role("button", name="Look at the columns").click()
    page.wait_for_url("**/change/")
    expect(page.locator(".bt-sub")).to_contain_text("Text in Windows-1252, separated by semicolon")
    expect(page.locator("#import-preview")).to_contain_text("301 of 301 would be rejected")

    page.select_option("#c1", "phone")
    expect(page.locator("#c0")).to_have_value("attribute")  # a field is filled by one column only
    page.select_option("#c0", "name")
    expect(page.locator("#import-preview")).to_contain_text("1 of 301 would be rejected")
    expect(page.locator("#import-preview tbody tr").first).to_contain_text("+5511970001000")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

    page.get_by_role("button", name="Try it (dry run)").click()
    expect(page.locator("#import-live")).to_contain_text("dry run: nothing is written")
    aside(import_file)
    page.get_by_role("button", name="Import now").click()  # the page has loaded again by itself
    expect(page.locator("progress")).to_be_visible()
    assert aside(imported) == (0, [])

    aside(import_file)
    expect(page.locator("#import-result")).to_contain_text("301 rows = 300 + 0 + 0 + 0 + 1")
    assert aside(imported) == (ROWS, [("João 7", "+5511970071000", {"cidade": "São Paulo"})])
    with page.expect_download() as download:
        page.get_by_role("link", name="Rejected rows (CSV)").click()
    rejected = Path(download.value.path()).read_text("utf-8-sig").splitlines()
    assert rejected == ["linha,motivo,Contato,Fone 2,Cidade", "302,o telefone não é válido,Ninguém,1234,Olinda"]
    assert problems == []
