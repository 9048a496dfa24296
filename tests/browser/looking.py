"""A browser for tests that look at pages: signed in without a form, at a chosen width, language and scheme."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from agency.models import User

CHROMIUM = shutil.which("chromium") or "chromium"
PHONE, DESK = 390, 1440


def session_of(user: User) -> str:
    """The key of a fresh session of this person. Before the browser starts: the ORM refuses inside its loop."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser for one test."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def window(
    browser: Browser, url: str, session: str = "", *, width: int = DESK, language: str = "en-US", dark: bool = False
) -> BrowserContext:
    """A window of its own, signed in where a session is given."""
    context = browser.new_context(
        base_url=url,
        locale=language,
        color_scheme="dark" if dark else "light",
        viewport={"width": width, "height": 844 if width < 600 else 900},
    )
    context.set_default_timeout(60_000)
    if session:
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": url}])
    return context


# Functions for `page.evaluate`: what has no name for people who see nothing, what is too faint for people who see little.
UNNAMED = Path(__file__).with_name("unnamed.js").read_text(encoding="utf-8").partition("\n")[2]
FAINT = Path(__file__).with_name("faint.js").read_text(encoding="utf-8").partition("\n")[2]


def overflow(page: Any) -> int:
    """How many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
