"""In Chromium: the home page and every list, on a desk and on a phone, in both languages, by keyboard and for people who see little."""

import json
from typing import Any

import pytest
from django.contrib import admin
from django.core.cache import cache

from agency.kit.actor import Actor
from agency.models import User
from agency.operations.liveness import note_canary
from agency.states import Role
from campaigns.outreach.models import Campaign
from campaigns.outreach.states import CampaignState
from integrations.health import Health, HealthState
from integrations.models import Connection
from integrations.operations.health import record_health
from messaging.models import ContactImport
from messaging.states import ImportState
from tests.browser.looking import DESK, FAINT, PHONE, UNNAMED, chromium, overflow, session_of, window
from tests.worlds import make_employee, make_person, make_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def session(settings: Any) -> str:
    """A director of an agency where some things need somebody; made before the browser starts."""
    cache.clear()
    make_world()
    make_employee()
    Campaign.objects.update(state=CampaignState.PAUSED)
    record_health(
        actor=Actor.system("test"),
        connection_id=Connection.objects.get().pk,
        health=Health(HealthState.FAILED, "The key was refused."),
    )
    ContactImport.objects.update(state=ImportState.RUNNING, percent=43, rows=41_000)
    for queue in settings.QUEUES:
        note_canary(queue=queue)
    return session_of(make_person("dora", Role.DIRECTOR))


def addresses_of_pages() -> list[str]:
    """Home, every list, and the newest record of each."""
    found = ["/admin/"]
    director = User.objects.get(username="dora")
    for model, model_admin in admin.site._registry.items():
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        newest = model_admin.visible_to(director).order_by("-pk").first()  # type: ignore[attr-defined]
        found += [base] + ([f"{base}{newest.pk}/change/"] if newest else [])
    return found


def test_no_page_scrolls_sideways_on_a_phone_and_every_control_has_a_name(session: str, live_server: Any) -> None:
    addresses = addresses_of_pages()
    assert len(addresses) > 20
    wide, unnamed, faint, broken = [], [], [], []
    with chromium() as browser:
        page = window(browser, live_server.url, session, width=PHONE, language="pt-BR").new_page()
        for address in addresses:
            answer = page.goto(address)
            if answer is None or answer.status != 200:
                broken.append((address, answer and answer.status))
                continue
            if overflow(page):
                wide.append((address, overflow(page)))
            unnamed += [(address, finding) for finding in page.evaluate(UNNAMED)]
            faint += [(address, finding) for finding in page.evaluate(FAINT, "[class*=badge], .bt-quiet, .bt-what p")]
    found = {"broken": broken, "wide": wide, "unnamed": unnamed, "faint": faint}
    assert found == {"broken": [], "wide": [], "unnamed": [], "faint": []}, json.dumps(found, indent=1)


@pytest.mark.parametrize("language", ["pt-BR", "en-US"])
@pytest.mark.parametrize("dark", [False, True])
def test_home_says_how_things_are(session: str, live_server: Any, language: str, dark: bool) -> None:
    with chromium() as browser:
        page = window(browser, live_server.url, session, language=language, dark=dark).new_page()
        trouble: list[str] = []
        page.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
        page.goto("/admin/")
        page.wait_for_selector("[data-now] .bt-system")
        assert page.get_attribute("html", "lang") == language.lower().replace("en-us", "en")
        assert page.locator(".bt-home h2").count() == 4
        assert "Zanzibar line" in page.inner_text("#content-main")
        assert "PostgreSQL 18" in page.inner_text("#content-main")
        assert page.locator("progress.bt-bar").first.get_attribute("value") in ("43", "43.0")
        assert page.evaluate(FAINT, ".bt-home p, .bt-home a, .bt-home dd, .bt-home dt, .bt-system span") == []
        assert page.evaluate(UNNAMED) == []
        assert overflow(page) == 0
        assert trouble == []


def test_keys_lead_everywhere(session: str, live_server: Any) -> None:
    with chromium() as browser:
        page = window(browser, live_server.url, session).new_page()
        page.goto("/admin/")
        page.keyboard.press("?")
        page.wait_for_selector("#bt-keys[open]")
        assert page.locator("#bt-keys [data-go]").count() > 10
        page.keyboard.press("Escape")
        page.wait_for_selector("#bt-keys:not([open])", state="attached")
        page.keyboard.press("g")
        page.keyboard.press("m")
        page.wait_for_url("**/admin/outreach/campaign/")
        page.keyboard.press("/")
        page.wait_for_function("document.activeElement.id === 'searchbar'")
        page.keyboard.type("g")  # a letter like any other, while typing
        page.keyboard.type("h")
        assert page.input_value("#searchbar") == "gh"
        assert page.url.endswith("/admin/outreach/campaign/")


def test_keys_work_without_the_admins_own_scripts(session: str, live_server: Any) -> None:
    with chromium() as browser:
        context = window(browser, live_server.url, session)
        context.route("**/unfold/js/alpine/**", lambda route: route.abort())
        page = context.new_page()
        page.goto("/admin/")
        page.keyboard.press("g")
        page.keyboard.press("s")
        page.wait_for_url("**/admin/outreach/segment/")


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_sign_in_page_fits(live_server: Any, width: int) -> None:
    User.objects.exists()  # the page needs no account
    with chromium() as browser:
        page = window(browser, live_server.url, width=width).new_page()
        page.goto("/accounts/login/")
        assert overflow(page) == 0
        assert page.evaluate(UNNAMED) == []
        box = page.locator("main button[type=submit]").first.bounding_box()
        assert box is not None
        assert box["height"] >= 44
