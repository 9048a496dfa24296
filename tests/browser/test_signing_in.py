"""In Chromium: pages under our content security policy, and signing in with a passkey."""

import os
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.core.cache import cache
from playwright.sync_api import BrowserContext, ConsoleMessage, sync_playwright

from agency.kit.actor import Actor
from agency.models import User
from agency.operations.accounts import create_administrator
from tests.worlds import make_employee, make_world

CHROMIUM = shutil.which("chromium") or "chromium"
HOME = re.compile(r"//[^/]+/admin/$")
EMAIL, PASSWORD = "ana@example.com", "quiet-Harbour-42-lamp"
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def administrator() -> User:
    cache.clear()
    make_world()
    make_employee()
    return create_administrator(actor=Actor.system("test"), email=EMAIL, password=PASSWORD, name="Ana Lima")


@pytest.fixture
def context(administrator: User, live_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[BrowserContext]:
    """A fresh browser; the records exist before it starts, because the ORM refuses inside its loop."""
    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # the fixtures' own clean-up runs inside it
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(base_url=live_server.url, locale="en-US")
        context.set_default_timeout(60_000)
        yield context
        browser.close()


def sign_in(page: Any) -> None:
    page.goto("/accounts/login/?next=/admin/")
    page.fill("input[name=login]", EMAIL)
    page.fill("input[name=password]", PASSWORD)
    page.click("main button[type=submit]:not([form])")
    page.wait_for_url(HOME)


def test_no_page_violates_the_policy(context: BrowserContext) -> None:
    page = context.new_page()
    violations: list[tuple[str, str]] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text:
            violations.append((page.url, message.text))

    page.on("console", note)
    sign_in(page)
    addresses = [
        "/admin/",
        "/accounts/2fa/",
        "/accounts/sessions/",
        "/accounts/password/change/",
        "/admin/agency/user/do/invite/",
    ]
    addresses += [f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry]
    for address in addresses:
        page.goto(address)
        page.wait_for_load_state("load")
    assert violations == []
    assert page.evaluate("typeof window.Alpine") == "object"  # the admin's own scripts do run


def test_a_passkey_is_added_and_signs_in(context: BrowserContext) -> None:
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    sign_in(page)
    page.goto("/accounts/2fa/webauthn/add/")
    page.fill("input[name=password]", PASSWORD)  # what protects the account is changed only after asking again
    page.click("main form button[type=submit]")
    page.fill("input[name=name]", "Laptop")
    page.check("input[name=passwordless]")
    page.click("#mfa_webauthn_add")
    page.wait_for_url("**/accounts/2fa/**recovery-codes/**")
    context.clear_cookies()
    page.goto("/accounts/login/?next=/admin/")
    page.click("#passkey_login")
    page.wait_for_url(HOME)
    assert "Batuta" in page.title()
