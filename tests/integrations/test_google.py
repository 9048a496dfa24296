"""What Google's services share: tokens of a key file, envelopes; and the append of Sheets that may be repeated."""

import json
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from integrations.calling import gate
from integrations.errors import AuthenticationFailed, NotConfigured, RateLimited, TemporaryFailure
from integrations.facts import ConnectionFacts
from integrations.google import access
from integrations.google.access import GoogleAccess
from integrations.google.errors import google_failure
from integrations.google.sandbox_tokens import ACCESS_TOKEN, EMAIL, KEY_FILE
from integrations.google_sheets.client import SCOPES, GoogleSheetsClient, Rows, build
from integrations.google_sheets.sandbox import SPREADSHEET
from integrations.sandbox.runner import RunningSandbox
from tests.integrations.services.cases import connection

OTHER_KEY = (
    rsa.generate_private_key(65537, 2048)
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    .decode()
)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No token of another test, and a gate without memory."""
    monkeypatch.setattr(gate.Gate, "admit", lambda own, operation, **rest: None)
    monkeypatch.setattr(gate.Gate, "pause", lambda own, seconds: None)
    access._tokens.clear()
    yield
    access._tokens.clear()


def sheets(sandbox: RunningSandbox, key_file: str = KEY_FILE, **secrets: str) -> ConnectionFacts:
    return connection("google_sheets", sandbox, {"service_account": key_file, **secrets})


def test_a_token_is_fetched_once_and_again_when_google_forgot_it(sandbox: RunningSandbox) -> None:
    own = GoogleAccess(sheets(sandbox), SCOPES)
    first = own.token("open", 5.0)
    assert (GoogleAccess(sheets(sandbox), SCOPES).token("open", 5.0), own.token("open", 5.0)) == (first, first)
    assert GoogleAccess(sheets(sandbox), (*SCOPES, "openid")).token("open", 5.0) != first
    own.forget()
    assert own.token("open", 5.0) != first


def test_a_token_near_its_end_is_replaced(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    own = GoogleAccess(sheets(sandbox), SCOPES)
    first = own.token("open", 5.0)
    monkeypatch.setattr(access, "LEAST_LEFT", 3_700.0)
    assert own.token("open", 5.0) != first


def test_the_token_of_consent_is_taken_as_it_is(sandbox: RunningSandbox) -> None:
    facts = connection("google_sheets", sandbox, {"access_token": ACCESS_TOKEN})
    assert GoogleAccess(facts, SCOPES).token("open", 5.0) == ACCESS_TOKEN


def test_another_key_too_few_scopes_and_another_account_are_refused(sandbox: RunningSandbox) -> None:
    forged = json.dumps({**json.loads(KEY_FILE), "private_key": OTHER_KEY})
    stranger = json.dumps({**json.loads(KEY_FILE), "client_email": "x@example.com"})
    for key_file, scopes, code in (
        (forged, SCOPES, "invalid_grant"),
        (stranger, SCOPES, "invalid_grant"),
        (KEY_FILE, SCOPES[:1], "invalid_scope"),
    ):
        with pytest.raises(AuthenticationFailed) as raised:
            GoogleAccess(sheets(sandbox, key_file), scopes).token("open", 5.0)
        assert raised.value.code == code


@pytest.mark.parametrize("fault", ["server_error", "cut_before", "cut_after", "hang_before", "bad_gateway"])
def test_without_a_token_nothing_was_asked(sandbox: RunningSandbox, fault: str) -> None:
    with (
        sandbox.control.fault(fault, service="google_sheets", operation="token", seconds=5),
        pytest.raises(TemporaryFailure) as raised,
    ):
        GoogleAccess(sheets(sandbox), SCOPES).token("append_rows", 0.5)
    assert raised.value.accepted_possible is False


def test_key_files_that_are_none_are_not_configured(sandbox: RunningSandbox) -> None:
    for written in ("{", "[]", "{}", '{"client_email": "a@b", "private_key": "-----BEGIN"}'):
        with pytest.raises(NotConfigured):
            GoogleAccess(sheets(sandbox, written), SCOPES)
    with pytest.raises(NotConfigured):
        GoogleAccess(connection("google_sheets", sandbox, {}), SCOPES)


def test_the_reason_decides_and_not_the_status() -> None:
    def named(status: int, reason: str, wait: float | None = None) -> object:
        return google_failure("google_drive", "x", status, {"error": {"errors": [{"reason": reason}]}}, wait)

    slow = named(403, "userRateLimitExceeded")
    assert isinstance(slow, RateLimited)
    assert (slow.retry_after, slow.accepted_possible) == (30.0, False)
    day = named(403, "dailyLimitExceeded")
    assert isinstance(day, RateLimited)
    assert day.retry_after == 3600.0
    assert isinstance(named(403, "insufficientPermissions"), AuthenticationFailed)
    assert isinstance(named(403, "storageQuotaExceeded"), AuthenticationFailed)
    assert type(named(403, "insufficientFilePermissions")).__name__ == "Refused"
    strange: tuple[object, ...] = (None, [], {"error": "text"}, {"error": {"errors": None, "details": 1}})
    for envelope in strange:
        down = google_failure("google_drive", "x", 503, envelope)
        assert isinstance(down, TemporaryFailure)
        assert down.accepted_possible is True


@pytest.mark.django_db
def test_an_append_that_was_perhaps_made_is_repeated_without_a_second_row(sandbox: RunningSandbox) -> None:
    client = build(sheets(sandbox))
    rows: Rows = [["ads:2", "2026-11-20", 30], ["ads:3", "2026-11-21", 1], ["ads:3", "2026-11-21", 1]]
    with (
        sandbox.control.fault("cut_after", service="google_sheets", operation="append_rows"),
        pytest.raises(TemporaryFailure) as raised,
    ):
        client.append_rows_once(SPREADSHEET, "metrics!A:A", rows)
    assert raised.value.accepted_possible is True
    assert client.append_rows_once(SPREADSHEET, "metrics!A:A", rows) == 0
    assert keys(client) == ["key", "ads:1", "ads:2", "ads:3"]
    assert client.append_rows_once(SPREADSHEET, "metrics!A:A", [["ads:4"], *rows]) == 1
    assert keys(client)[-1] == "ads:4"
    assert len(sandbox.control.writes("google_sheets")) == 2
    client.close()


@pytest.mark.django_db
def test_a_token_that_google_ended_early_is_replaced_by_the_next_call(sandbox: RunningSandbox) -> None:
    client = build(sheets(sandbox))
    with (
        sandbox.control.fault("expired_token", service="google_sheets", operation="health"),
        pytest.raises(AuthenticationFailed),
    ):
        client.identity()
    assert access._tokens == {}
    assert client.identity() == EMAIL
    client.close()


def keys(client: GoogleSheetsClient) -> list[object]:
    return [row[0] for row in client.read_range(SPREADSHEET, "metrics!A:A")]
