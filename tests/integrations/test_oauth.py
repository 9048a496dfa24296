"""OAuth against a small provider over HTTP: consent, refusals, renewals that lose nothing, two of them at once."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from agency.kit.actor import Actor
from agency.models import Alert, AuditEntry, User
from agency.states import Role
from integrations.connections import REFRESH_TOKEN, connection_facts, open_secrets
from integrations.models import Connection, OAuthAttempt, OAuthGrant
from integrations.operations.connections import create_connection
from integrations.runners.check_connection import check_connection
from integrations.runners.oauth import finish_consent, renew_connection, renew_due_tokens, start_consent
from integrations.states import GrantState
from tests.integrations.oauth_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    SCOPES,
    Provider,
    acme_like_meta,
    acme_manifest,
    install,
    running_provider,
)
from tests.worlds import make_person

ACTOR = Actor.system("test")


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    install(monkeypatch, acme_manifest())
    with running_provider() as running:
        yield running


def acme(provider: Provider) -> Connection:
    address = provider.url
    return create_connection(
        actor=ACTOR,
        service="acme",
        name="Sheets",
        settings={
            "client_id": CLIENT_ID,
            "accounts_url": address,
            "token_base_url": address,
            "dialog_url": address,
            "base_url": address,
        },
        secrets={"client_secret": CLIENT_SECRET},
    )


def granted(provider: Provider, connection: Connection, person: User) -> OAuthGrant:
    """Through consent without a browser."""
    address = start_consent(actor=ACTOR, connection=connection, user=person, session_key="s")
    back = provider.consent(address)
    return finish_consent(actor=ACTOR, user=person, session_key="s", error="", **back)[1]


def make_due(connection: Connection) -> None:
    OAuthGrant.objects.filter(connection=connection).update(renew_at=timezone.now() - timedelta(seconds=1))


def refresh_token(connection: Connection) -> str:
    connection.refresh_from_db()
    return open_secrets(bytes(connection.sealed_tokens))[REFRESH_TOKEN]


def renewals(provider: Provider) -> int:
    return sum(form["grant_type"] != "authorization_code" for form in provider.asked)


@pytest.mark.django_db
def test_connect_in_the_browser(provider: Provider) -> None:
    connection = acme(provider)
    assert check_connection(actor=ACTOR, connection_id=connection.pk).state == "failed"
    browser = Browser(headers={"Accept-Language": "en"})
    browser.force_login(make_person("dora", Role.DIRECTOR))
    page = reverse("admin:integrations_connection_change", args=(connection.pk,))
    connect = reverse("admin:integrations_connection_connect", args=(connection.pk,))
    assert connect in browser.get(page).content.decode()
    asked = browser.get(connect).content.decode()
    assert all(scope in asked for scope in SCOPES)
    way = browser.post(connect)
    address = way.headers["Refresh"].partition("url=")[2]
    assert address.startswith(f"{provider.url}/o/oauth2/v2/auth?response_type=code&client_id={CLIENT_ID}&")
    assert "access_type=offline" in address and "code_challenge_method=S256" in address
    back = provider.consent(address)
    answer = browser.get("/oauth/callback/", back)
    assert (answer.status_code, answer.headers["Location"]) == (302, page)
    facts = connection_facts(connection.pk)
    assert facts.secret("access_token") == "access-token-1"
    grant = OAuthGrant.objects.get(connection=connection)
    assert (grant.state, grant.scopes, grant.renewable) == (GrantState.GRANTED, list(SCOPES), True)
    assert grant.expires_at is not None
    assert timedelta(seconds=3_590) < grant.expires_at - grant.obtained_at <= timedelta(seconds=3_600)
    connection.refresh_from_db()
    assert (connection.health, connection.health_text) == ("ok", "seen access")
    assert not Alert.objects.filter(cleared_at__isnull=True, subject_id=connection.pk).exists()
    shown = browser.get(page).content.decode() + str(list(AuditEntry.objects.values_list("after", flat=True)))
    assert "access-token-1" not in shown and "refresh-token-1" not in shown and CLIENT_SECRET not in shown
    assert "sheets.write" in shown
    # The same answer once more: its state is used up.
    assert browser.get("/oauth/callback/", back).headers["Location"].endswith("/services/")
    assert len(provider.asked) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("case", ["state", "person", "session", "late", "denied", "code"])
def test_an_answer_that_must_not_count(provider: Provider, case: str) -> None:
    connection, person = acme(provider), make_person("dora", Role.DIRECTOR)
    browser = Browser()
    browser.force_login(person)
    way = browser.post(reverse("admin:integrations_connection_connect", args=(connection.pk,)))
    back = provider.consent(way.headers["Refresh"].partition("url=")[2])
    if case == "state":
        back["state"] = "x" * 43
    elif case == "person":
        browser.force_login(make_person("dana", Role.DIRECTOR))
    elif case == "session":
        browser = Browser()
        browser.force_login(person)
    elif case == "late":
        OAuthAttempt.objects.update(created_at=timezone.now() - timedelta(seconds=601))
    elif case == "denied":
        back = {"state": back["state"], "error": "access_denied"}
    else:
        back["code"] = "another"
    answer = browser.get("/oauth/callback/", back)
    assert answer.headers["Location"].endswith("/services/")
    assert not OAuthGrant.objects.filter(connection=connection).exists()
    connection.refresh_from_db()
    assert bytes(connection.sealed_tokens) == b""
    assert len(provider.asked) == (1 if case == "code" else 0)
    assert OAuthAttempt.objects.count() == (1 if case == "state" else 0)


@pytest.mark.django_db
def test_missing_permissions_are_said(provider: Provider) -> None:
    provider.granted = ("sheets.read",)
    connection = acme(provider)
    granted(provider, connection, make_person("dora", Role.DIRECTOR))
    health = check_connection(actor=ACTOR, connection_id=connection.pk)
    assert (health.state, "sheets.write" in str(health.text), "sheets.read" in str(health.text)) == (
        "failed",
        True,
        False,
    )


@pytest.mark.django_db
def test_renewal_ahead_of_time_keeps_the_refresh_token(provider: Provider) -> None:
    connection = acme(provider)
    grant = granted(provider, connection, make_person("dora", Role.DIRECTOR))
    assert renew_due_tokens(actor=ACTOR) == 0
    assert grant.renew_at is not None and grant.renew_at - grant.obtained_at < timedelta(seconds=1_810)
    make_due(connection)
    assert renew_due_tokens(actor=ACTOR) == 1
    assert connection_facts(connection.pk).secret("access_token") == "access-token-2"
    assert refresh_token(connection) == "refresh-token-1"
    assert renew_due_tokens(actor=ACTOR) == 0


@pytest.mark.django_db
def test_a_rotating_refresh_token_replaces_the_old(provider: Provider) -> None:
    provider.rotates = True
    connection = acme(provider)
    granted(provider, connection, make_person("dora", Role.DIRECTOR))
    for number in (2, 3):
        assert renew_connection(actor=ACTOR, connection_id=connection.pk, at_once=True) is True
        assert refresh_token(connection) == f"refresh-token-{number}"


@pytest.mark.django_db
def test_a_failure_keeps_everything_and_is_told(provider: Provider) -> None:
    connection = acme(provider)
    granted(provider, connection, make_person("dora", Role.DIRECTOR))
    provider.fails = 2
    key = f"connection:{connection.pk}:renewal"
    for attempt in (1, 2):
        make_due(connection)
        assert renew_due_tokens(actor=ACTOR) == 0
        grant = OAuthGrant.objects.get(connection=connection)
        assert (grant.attempts, grant.state, refresh_token(connection)) == (attempt, "granted", "refresh-token-1")
        assert grant.renew_at is not None and grant.renew_at > timezone.now() + timedelta(seconds=50)
        assert Alert.objects.filter(key=key, cleared_at__isnull=True).count() == attempt - 1
    make_due(connection)
    assert renew_due_tokens(actor=ACTOR) == 1
    assert not Alert.objects.filter(key=key, cleared_at__isnull=True).exists()
    assert connection_facts(connection.pk).secret("access_token") == "access-token-2"


@pytest.mark.django_db
def test_a_revoked_refresh_token_needs_a_person(provider: Provider) -> None:
    connection, person = acme(provider), make_person("dora", Role.DIRECTOR)
    granted(provider, connection, person)
    provider.refresh_tokens.clear()
    make_due(connection)
    assert renew_due_tokens(actor=ACTOR) == 0
    grant = OAuthGrant.objects.get(connection=connection)
    assert (grant.state, grant.renew_at, "invalid_grant" in grant.error) == (GrantState.LOST, None, True)
    assert refresh_token(connection) == "refresh-token-1"
    assert check_connection(actor=ACTOR, connection_id=connection.pk).state == "failed"
    assert renew_connection(actor=ACTOR, connection_id=connection.pk, at_once=True) is False
    assert renewals(provider) == 1
    granted(provider, connection, person)
    assert check_connection(actor=ACTOR, connection_id=connection.pk).state == "ok"
    assert not Alert.objects.filter(subject_id=connection.pk, cleared_at__isnull=True).exists()


@pytest.mark.django_db(transaction=True)
def test_two_renewals_at_once_ask_once(provider: Provider) -> None:
    provider.rotates = True  # a second use of the refresh token would be refused, and lose the grant
    connection = acme(provider)
    granted(provider, connection, make_person("dora", Role.DIRECTOR))
    provider.seconds = 0.5
    ready, outcomes = threading.Barrier(2), list[bool]()

    def renew() -> None:
        ready.wait(10)
        outcomes.append(renew_connection(actor=ACTOR, connection_id=connection.pk, at_once=True))
        database.close()

    threads = [threading.Thread(target=renew) for _number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == [False, True]
    assert renewals(provider) == 1
    assert OAuthGrant.objects.get(connection=connection).state == GrantState.GRANTED
    assert refresh_token(connection) == "refresh-token-2"


@pytest.mark.django_db
def test_metas_long_lived_tokens(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, acme_like_meta())
    provider.expires_in = 60 * 86_400
    connection = acme(provider)
    address = start_consent(
        actor=ACTOR, connection=connection, user=make_person("dora", Role.DIRECTOR), session_key="s"
    )
    assert address.startswith(f"{provider.url}/v26.0/dialog/oauth?") and "scope=sheets.read%2Csheets.write" in address
    person = User.objects.get(username="dora")
    back: dict[str, Any] = provider.consent(address)
    _connection, grant = finish_consent(actor=ACTOR, user=person, session_key="s", error="", **back)
    assert connection_facts(connection.pk).secret("access_token") == "access-token-2"  # the exchanged one
    assert (grant.scopes, grant.renewable) == (list(SCOPES), True)
    assert grant.renew_at is not None
    assert round((grant.renew_at - grant.obtained_at).total_seconds() / 86_400, 3) == 48  # four fifths of 60 days
    assert renew_connection(actor=ACTOR, connection_id=connection.pk, at_once=True) is True
    assert connection_facts(connection.pk).secret("access_token") == "access-token-3"
    provider.living.clear()
    assert renew_connection(actor=ACTOR, connection_id=connection.pk, at_once=True) is False
    assert OAuthGrant.objects.get(connection=connection).state == GrantState.LOST


@pytest.mark.django_db
def test_nobody_without_permission_begins_or_ends_it(provider: Provider) -> None:
    connection = acme(provider)
    browser = Browser()
    browser.force_login(make_person("ana", Role.ANALYST))
    assert browser.post(reverse("admin:integrations_connection_connect", args=(connection.pk,))).status_code == 404
    assert browser.get("/oauth/callback/", {"state": "x", "code": "y"}).status_code == 403
    assert OAuthAttempt.objects.count() == 0
