"""In Chromium: the page behind the unsubscribe link, from the first look to the end of the messages."""

from typing import Any

import pytest
from django.core.cache import cache

from messaging.models import Contact, Recipient, SendJob, Suppression
from messaging.selectors.links import unsubscribe_url
from messaging.states import ChannelKind, JobState, MessageKind, RecipientState
from tests.browser.looking import FAINT, PHONE, UNNAMED, chromium, overflow, window
from tests.worlds import World, make_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def world() -> World:
    cache.clear()
    return make_world("aurora", "Aurora")


def letter_to(world: World, name: str) -> tuple[Recipient, str]:
    """An e-mail to somebody, and the path of the link in it."""
    person = Contact.objects.create(client=world.client, name=name, email=f"{name}@example.com.br")
    job = SendJob.objects.create(
        client=world.client, kind=MessageKind.CAMPAIGN, channel=ChannelKind.EMAIL, state=JobState.RUNNING
    )
    letter = Recipient.objects.create(job=job, contact=person)
    return letter, "/u/" + unsubscribe_url(letter.pk).rpartition("/u/")[2]


def test_a_person_leaves_on_a_phone(world: World, live_server: Any) -> None:
    letter, address = letter_to(world, "joana.meireles")
    with chromium() as browser:
        for dark in (False, True):
            context = window(browser, live_server.url, width=PHONE, language="pt-BR", dark=dark)
            page = context.new_page()
            page.goto(address)
            text = page.inner_text("main")
            assert "Aurora Ltda" in text
            assert "j•••@example.com.br" in text
            assert "joana.meireles" not in text
            assert overflow(page) == 0
            assert page.evaluate(UNNAMED) == []
            assert page.evaluate(FAINT, "main h1, main p, main button") == []
        page.click("main button")
        page.wait_for_selector("main:not(:has(button))")
        assert context.cookies() == []
        page.goto("/u/forged")
        assert overflow(page) == 0
    assert Suppression.objects.filter(address="joana.meireles@example.com.br", reason="opted_out").count() == 1
    letter.refresh_from_db()
    assert letter.state == RecipientState.SKIPPED
