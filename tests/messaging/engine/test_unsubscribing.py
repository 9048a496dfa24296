"""Leaving by the link in an e-mail: one click by the mailbox, the page, and everything that is queued."""

import time
from typing import Any

import pytest
from django.core import signing
from django.core.cache import cache
from django.test import Client as Browser

from agency.models import AuditEntry
from integrations.operations.connections import create_connection
from messaging.models import Contact, Recipient, Sender, SendJob, Suppression, Template, TemplateVersion
from messaging.selectors.links import UNSUBSCRIBE, UNSUBSCRIBE_SECONDS, unsubscribe_url
from messaging.selectors.totals import funnel
from messaging.states import ChannelKind, Reason, RecipientState, SuppressionReason, TemplateState
from messaging.views.unsubscribe import PER_MINUTE

from .conftest import ACTOR, World, states

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


@pytest.fixture
def mail(world: World) -> Sender:
    """A mailbox at the sandbox's mail server."""
    account = create_connection(
        actor=ACTOR,
        service="smtp",
        name="Mail",
        client=world.client,
        settings={
            "host": world.sandbox.smtp_host,
            "port": str(world.sandbox.smtp_port),
            "security": "none",
            "username": "sandbox",
        },
        secrets={"password": "sandbox-password"},
    )
    return Sender.objects.create(
        client=world.client,
        connection=account,
        channel=ChannelKind.EMAIL,
        name="Loja",
        address="Loja <loja@example.com>",
        pair_seconds=0,
    )


def mail_job(world: World, mail: Sender, people: list[Contact]) -> SendJob:
    template, _created = Template.objects.get_or_create(
        client=world.client, name="carta", channel=ChannelKind.EMAIL, defaults={"state": TemplateState.APPROVED}
    )
    version, _created = TemplateVersion.objects.get_or_create(
        template=template, number=1, defaults={"subject": "Oi", "body": "Olá {{ contact.first_name }}"}
    )
    return world.job(people, channel=ChannelKind.EMAIL, sender_ids=[mail.pk], template_version=version)


def address_of(job: SendJob, person: Contact) -> str:
    """The path of the link in the person's message."""
    url = unsubscribe_url(Recipient.objects.get(job=job, contact=person).pk)
    return url.removeprefix("http://127.0.0.1:8000")


@pytest.mark.django_db(transaction=True)
def test_a_click_in_the_mailbox_stops_everything_queued_for_the_person(
    world: World, mail: Sender, live_server: Any, settings: Any
) -> None:
    settings.PUBLIC_BASE_URL = live_server.url
    ana, bia = world.people(1, email="ana@example.com")[0], world.people(1, email="bia@example.com")[0]
    world.sandbox.control.set_outcome("ana@example.com", "replied", words="SAIR")
    world.sandbox.control.set_outcome("bia@example.com", "delivered")
    letters = mail_job(world, mail, [ana, bia])
    later = world.job([ana, bia])  # by WhatsApp, not sent yet
    world.send(letters)
    state = world.sandbox.control.wait_until_quiet()
    assert (state.delivered, state.failed_attempts) == (1, 0), state.last_problem

    stopped = Suppression.objects.get()
    assert (stopped.channel, stopped.address, stopped.reason) == (
        ChannelKind.EMAIL,
        "ana@example.com",
        SuppressionReason.OPTED_OUT,
    )
    assert states(later) == {"pending": 1, "skipped": 1}
    assert funnel([later.pk]).by_reason(RecipientState.SKIPPED) == {Reason.OPTED_OUT: 1}
    entry = AuditEntry.objects.get(action="unsubscribe")
    assert (entry.client_id, entry.subject_id, entry.after["channel"]) == (world.client.pk, ana.pk, "email")
    again = mail_job(world, mail, [ana, bia])
    world.send(again)
    assert states(again) == {"sent": 1, "skipped": 1}


def test_looking_changes_nothing_and_the_button_does(world: World, mail: Sender) -> None:
    ana = world.people(1, email="ana.lima@example.com")[0]
    job = mail_job(world, mail, [ana])
    address = address_of(job, ana)
    strict = Browser(enforce_csrf_checks=True, headers={"Accept-Language": "en"})
    for _look in range(2):
        page = strict.get(address)
        assert (page.status_code, Suppression.objects.count()) == (200, 0)
    text = page.content.decode()
    assert "Padaria Aurora" in text
    assert "a•••@example.com" in text
    assert "ana.lima" not in text
    assert text.count("<button") == 1
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert strict.post(address, {"something": "else"}).status_code == 400
    assert Suppression.objects.count() == 0

    for _press in range(2):  # the second press finds it done
        done = strict.post(address, ONE_CLICK)
        assert (done.status_code, Suppression.objects.count()) == (200, 1)
        assert "Done" in done.content.decode()
    assert not strict.cookies
    assert states(job) == {"skipped": 1}
    assert AuditEntry.objects.filter(action="unsubscribe").count() == 1
    assert "<button" not in strict.get(address).content.decode()


def test_the_page_speaks_the_browsers_language(world: World, mail: Sender) -> None:
    ana = world.people(1, email="ana@example.com")[0]
    address = address_of(mail_job(world, mail, [ana]), ana)
    assert '<html lang="pt-br">' in Browser(headers={"Accept-Language": "pt-BR"}).get(address).content.decode()
    assert '<html lang="en">' in Browser(headers={"Accept-Language": "en-GB"}).get(address).content.decode()


def test_forged_old_and_forgotten_links_say_so_and_do_nothing(
    world: World, mail: Sender, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    ana = world.people(1, email="ana@example.com")[0]
    address = address_of(mail_job(world, mail, [ana]), ana)
    browser = Browser(headers={"Accept-Language": "en"})
    other = signing.TimestampSigner(salt="batuta.invitation").sign("1")
    with django_assert_num_queries(0):
        for forged in (f"{address}x", "/u/1", "/u/1:2:3", f"/u/{other}", f"/u/{'1' * 300}"):
            assert browser.get(forged).status_code == 404
            assert browser.post(forged, ONE_CLICK).status_code == 404
    forgotten = f"/u/{signing.TimestampSigner(salt=UNSUBSCRIBE).sign('999999999')}"
    assert [browser.get(forgotten).status_code, browser.post(forgotten, ONE_CLICK).status_code] == [410, 410]
    now = time.time()
    monkeypatch.setattr("django.core.signing.time.time", lambda: now + UNSUBSCRIBE_SECONDS + 60)
    old = browser.post(address, ONE_CLICK)
    assert old.status_code == 410
    assert "expired" in old.content.decode()
    assert Suppression.objects.count() == 0


def test_one_link_is_not_asked_without_end(world: World, mail: Sender) -> None:
    ana, bia = world.people(1, email="ana@example.com")[0], world.people(1, email="bia@example.com")[0]
    job = mail_job(world, mail, [ana, bia])
    browser = Browser()
    answers = [browser.get(address_of(job, ana)).status_code for _ in range(PER_MINUTE + 1)]
    assert answers == [200] * PER_MINUTE + [429]
    assert browser.get(address_of(job, bia)).status_code == 200
