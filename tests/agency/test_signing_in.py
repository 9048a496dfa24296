"""Signing in: lockout, second factor, invitations; who has no account gets nowhere."""

import io
import re
import time

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core import mail, signing
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client as Browser

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput, OperationRefused
from agency.models import AuditEntry, Client, ClientGrant, User
from agency.operations.accounts import (
    INVITATION,
    accept_invitation,
    change_access,
    create_administrator,
    invitation_token,
    invite_person,
    renew_local_login,
    switch_account,
)
from agency.runners.invitations import mail_invitation
from agency.selectors.access import visible_clients

pytestmark = pytest.mark.django_db
PASSWORD = "quiet-Harbour-42-lamp"
SYSTEM = Actor.system("test")


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    cache.clear()


def administrator() -> User:
    return create_administrator(actor=SYSTEM, email="Ana@Example.com", password=PASSWORD, name="Ana Lima")


def sign_in(browser: Browser, password: str = PASSWORD, login: str = "ana@example.com") -> str:
    """Where the answer leads; empty when the form is shown again."""
    answer = browser.post("/accounts/login/", {"login": login, "password": password, "next": "/admin/"})
    return answer.headers.get("Location", "")


def test_an_administrator_signs_in_through_allauth(client: Browser) -> None:
    administrator()
    assert client.get("/admin/").headers["Location"].startswith("/admin/login/")
    assert client.get("/admin/login/?next=/admin/").headers["Location"].startswith("/accounts/login/")
    before = client.session.session_key
    assert sign_in(client) == "/admin/"
    assert client.session.session_key != before
    assert client.get("/admin/").status_code == 200
    assert client.get("/accounts/sessions/").status_code == 200


def test_the_login_that_make_up_prints_gets_in(client: Browser) -> None:
    for password in ("first-Random-1", "second-Random-2"):  # each `make up` prints a new one
        renew_local_login(actor=SYSTEM, username="demo", email="demo@localhost.example", password=password)
        client.logout()
        answer = client.post("/accounts/login/?next=/admin/", {"login": "demo", "password": password})
        assert answer.headers["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_five_wrong_passwords_lock_the_account_even_for_the_right_one(client: Browser) -> None:
    administrator()
    for _attempt in range(5):
        assert sign_in(client, "wrong") == ""
    assert sign_in(client) == ""
    assert client.get("/admin/").status_code == 302


def test_the_second_factor_counts(client: Browser) -> None:
    user = administrator()
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    assert sign_in(client).startswith("/accounts/2fa/authenticate/")
    assert client.get("/admin/").headers["Location"].startswith("/admin/login/")
    counter = next(iter(yield_hotp_counters_from_time()))
    answer = client.post("/accounts/2fa/authenticate/", {"code": format_hotp_value(hotp_value(secret, counter))})
    assert answer.headers["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200
    assert Authenticator.objects.get(user=user, type="totp").last_used_at is not None


def test_nobody_signs_up(client: Browser) -> None:
    client.post(
        "/accounts/signup/",
        {"email": "eve@example.com", "username": "eve", "password1": PASSWORD, "password2": PASSWORD},
    )
    assert not User.objects.exists()


def test_an_invitation_sets_a_password_once(client: Browser) -> None:
    loja = Client.objects.create(name="Loja", slug="loja")
    user = invite_person(
        actor=SYSTEM, email="bia@example.com", role="analyst", clients=[loja], name="Bia", language="en"
    )
    mail_invitation(user_id=user.pk)
    (letter,) = mail.outbox
    assert letter.to == ["bia@example.com"]
    url = re.search(r"http://127\.0\.0\.1:8000(/accounts/invitation/\S+)", str(letter.body))
    assert url is not None
    assert client.get(url[1]).status_code == 200
    weak = client.post(url[1], {"new_password1": "password", "new_password2": "password"})
    assert weak.status_code == 200
    answer = client.post(url[1], {"new_password1": PASSWORD, "new_password2": PASSWORD})
    assert answer.headers["Location"] == "/accounts/login/"
    assert client.get(url[1]).status_code == 410
    assert EmailAddress.objects.get(user=user).verified
    assert sign_in(client, login="bia@example.com") == "/admin/"
    assert list(visible_clients(User.objects.get(pk=user.pk))) == [loja]
    mail_invitation(user_id=user.pk)
    assert len(mail.outbox) == 1


def test_invitation_links_expire_and_have_one_purpose(monkeypatch: pytest.MonkeyPatch) -> None:
    user = invite_person(actor=SYSTEM, email="bia@example.com", role="analyst")
    token = invitation_token(user)
    other_purpose = signing.dumps({"user": user.pk, "state": "x"}, salt="agency.unsubscribe")
    for bad in (other_purpose, token[:-2], "nonsense"):
        with pytest.raises(OperationRefused):
            accept_invitation(token=bad, password=PASSWORD)
    now = time.time()
    monkeypatch.setattr("django.core.signing.time.time", lambda: now + 7 * 86_400 + 5)
    with pytest.raises(OperationRefused):
        accept_invitation(token=token, password=PASSWORD)
    assert not User.objects.get(pk=user.pk).has_usable_password()
    assert INVITATION == "agency.invitation"


def test_refusals_change_nothing() -> None:
    user = administrator()
    entries = AuditEntry.objects.count()
    for email, password, field in (
        ("ana@example.com", PASSWORD, "email"),
        ("no address", PASSWORD, "email"),
        ("new@example.com", "password", "password"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            create_administrator(actor=SYSTEM, email=email, password=password)
        assert refusal.value.field == field
    own = Actor.person(user.pk, user.username)
    with pytest.raises(OperationRefused):
        switch_account(actor=own, user_id=user.pk, active=False)
    with pytest.raises(OperationRefused):
        change_access(actor=own, user_id=user.pk, role="agent", clients=[])
    assert User.objects.count() == 1
    assert AuditEntry.objects.count() == entries


def test_switching_an_account_off_ends_its_sessions(client: Browser) -> None:
    administrator()
    other = create_administrator(actor=SYSTEM, email="bob@example.com", password=PASSWORD)
    sign_in(client, login="bob@example.com")
    assert client.get("/admin/").status_code == 200
    switch_account(actor=SYSTEM, user_id=other.pk, active=False)
    assert client.get("/admin/").status_code == 302
    assert sign_in(client, login="bob@example.com") != "/admin/"


def test_access_is_replaced_whole() -> None:
    first, second = (Client.objects.create(name=name, slug=name) for name in ("um", "dois"))
    user = invite_person(actor=SYSTEM, email="bia@example.com", role="analyst", clients=[first])
    change_access(actor=SYSTEM, user_id=user.pk, role="agent", clients=[second])
    assert list(ClientGrant.objects.values_list("user", "client")) == [(user.pk, second.pk)]
    assert list(user.groups.values_list("name", flat=True)) == ["agent"]
    entry = AuditEntry.objects.get(action="change_access")
    assert entry.before == {"roles": ["analyst"], "clients": ["um"]}
    assert entry.after == {"roles": ["agent"], "clients": ["dois"]}


def test_the_command_takes_the_password_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
    out = io.StringIO()
    call_command("create_administrator", "ana@example.com", stdout=out)
    assert out.getvalue() == "ana@example.com can sign in.\n"
    assert User.objects.get().check_password(PASSWORD)
    with pytest.raises(CommandError, match=r"already an account|Já existe"):
        call_command("create_administrator", "ana@example.com", "--print-random-password", stdout=out)


def test_every_page_carries_a_policy_without_unsafe_inline(client: Browser) -> None:
    administrator()
    page = client.get("/accounts/login/")
    policy = page.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    sign_in(client)
    page = client.get("/admin/")
    policy = page.headers["Content-Security-Policy"]
    assert "'unsafe-inline'" not in policy
    nonce = re.search(r"script-src 'self' 'nonce-([^']+)'", policy)
    assert nonce is not None
    inline = re.findall(r"<(?:script|style)\b[^>]*>", page.content.decode())
    assert inline
    assert [tag for tag in inline if f'nonce="{nonce[1]}"' not in tag] == []
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Referrer-Policy"] == "same-origin"


def test_language_is_the_persons_then_the_browsers(client: Browser) -> None:
    user = administrator()
    assert 'lang="en"' in client.get("/accounts/login/", headers={"Accept-Language": "en"}).content.decode()
    assert 'lang="pt-br"' in client.get("/accounts/login/", headers={"Accept-Language": "pt-BR"}).content.decode()
    user.language = "en"
    user.save()
    client.force_login(user)
    assert 'lang="en"' in client.get("/admin/", headers={"Accept-Language": "pt-BR"}).content.decode()


def test_malformed_addresses_stop_at_the_edge(client: Browser) -> None:
    for path in ("/admin/?q=a%00b", "/admin/%00/"):
        assert client.get(path).status_code == 400
