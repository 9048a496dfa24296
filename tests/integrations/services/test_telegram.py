"""Telegram: what its errors mean, an edit that was made before, files as they arrive, updates that are forgotten, and the token in the path."""

import json

import pytest

from integrations.errors import (
    AuthenticationFailed,
    IntegrationError,
    RateLimited,
    Refused,
    SuppressReason,
    TemporaryFailure,
)
from integrations.http import HttpResponse
from integrations.sandbox.multipart import parse_parts
from integrations.sandbox.runner import RunningSandbox
from integrations.telegram.client import Button, Document, TelegramClient, build
from integrations.telegram.errors import ChatMigrated, telegram_failure
from integrations.telegram.sandbox import ERRORS
from tests.integrations.services.cases import connection
from tests.integrations.services.telegram import SECRETS, TEAM

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(sandbox: RunningSandbox) -> TelegramClient:
    return build(connection("telegram", sandbox, SECRETS))


def said(status: int, **envelope: object) -> IntegrationError:
    body = json.dumps({"ok": False, "error_code": status, **envelope}).encode()
    return telegram_failure(HttpResponse("telegram", "send_message", status, {}, body))


@pytest.mark.parametrize("code", sorted(set(ERRORS) - {"internal", "too_many"}))
def test_each_sentence_of_telegrams_has_its_own_code(code: str) -> None:
    status, description = ERRORS[code]
    parameters = {"migrate_to_chat_id": -1001} if code == "chat_migrated" else {}
    error = said(status, description=description, parameters=parameters)
    assert error.code == code
    assert error.text


@pytest.mark.parametrize(
    ("seconds", "wait"), [(7, 7.0), (0, 0.0), (10**9, 86_400.0), ("x", 30.0), (-1, 30.0), (None, 30.0)]
)
def test_telegram_names_the_wait_in_the_body(seconds: object, wait: float) -> None:
    error = said(429, description="Too Many Requests: retry after 7", parameters={"retry_after": seconds})
    assert isinstance(error, RateLimited)
    assert (error.retry_after, error.accepted_possible) == (wait, False)


def test_who_blocked_the_bot_is_not_written_to_again(client: TelegramClient, sandbox: RunningSandbox) -> None:
    with pytest.raises(Refused) as blocked:
        client.send_message("2222222", "Olá")
    assert (blocked.value.code, blocked.value.suppress) == ("blocked", SuppressReason.OPTED_OUT)
    with pytest.raises(Refused) as never:
        client.send_message("3333333", "Olá")
    assert (never.value.code, never.value.suppress) == ("never_started", None)
    assert sandbox.control.writes("telegram") == []


def test_a_group_that_moved_says_where_to(client: TelegramClient) -> None:
    with pytest.raises(ChatMigrated) as moved:
        client.send_message("-2000000", "Olá")
    assert client.send_message(moved.value.chat, "Olá").chat == "-1001000000002"


@pytest.mark.parametrize(("token", "code"), [("100000001:revoked", "unauthorized"), ("no token", "not_found")])
def test_a_wrong_token_is_for_a_person_to_mend_and_in_no_message(
    sandbox: RunningSandbox, token: str, code: str
) -> None:
    with pytest.raises(AuthenticationFailed) as raised:
        build(connection("telegram", sandbox, {**SECRETS, "bot_token": token})).identity()
    assert raised.value.code == code
    assert token not in str(raised.value)


def test_a_dead_address_does_not_tell_the_token(sandbox: RunningSandbox) -> None:
    facts = connection("telegram", sandbox, SECRETS, base_url="http://127.0.0.1:1")
    with pytest.raises(TemporaryFailure) as raised:
        build(facts).send_message(TEAM, "Olá")
    assert raised.value.code == "connect"
    assert "sandbox-bot-token" not in f"{raised.value} {raised.value!r} {raised.value.__cause__!r}"


def test_an_uploaded_file_arrives_with_its_name_and_caption(client: TelegramClient, sandbox: RunningSandbox) -> None:
    client.send_document(TEAM, Document("março.csv", b"a;b\r\n1;2\r\n", "text/csv"), caption="Março")
    [write] = sandbox.control.writes("telegram", "send_document")
    boundary = write.text.partition("\r\n")[0].removeprefix("--")
    chat, caption, file = parse_parts(f"multipart/form-data; boundary={boundary}", write.text.encode())
    assert (chat.name, chat.text, caption.name, caption.text) == ("chat_id", TEAM, "caption", "Março")
    assert (file.name, file.filename, file.content_type) == ("document", "março.csv", "text/csv")
    assert file.body == b"a;b\r\n1;2\r\n"


def test_an_edit_to_what_it_says_already_is_none(client: TelegramClient, sandbox: RunningSandbox) -> None:
    asked = client.send_message(TEAM, "CPA above target", buttons=[Button("Acknowledge", data="alert:41")])
    assert client.edit_message(asked, "Acknowledged") == asked
    assert client.edit_message(asked, "Acknowledged") == asked
    assert len(sandbox.control.writes("telegram", "edit_message")) == 1


def test_a_button_with_too_much_data_is_refused(client: TelegramClient) -> None:
    with pytest.raises(Refused) as raised:
        client.send_message(
            TEAM, "?", buttons=[Button("Open", url="https://example.com"), Button("Yes", data="x" * 65)]
        )
    assert raised.value.code == "button_invalid"


def test_updates_are_told_until_the_next_offset(client: TelegramClient, sandbox: RunningSandbox) -> None:
    sandbox.control.happen("telegram", "message", text="one")
    sandbox.control.happen("telegram", "button", data="two")
    first = client.get_updates()
    assert [event.kind for event in first.events] == ["telegram.message", "telegram.button"]
    assert client.get_updates() == first
    assert client.get_updates(first.next_offset).events == ()
    assert client.get_updates(first.next_offset).next_offset == first.next_offset


def test_with_a_webhook_there_are_no_updates_to_ask_for(client: TelegramClient, sandbox: RunningSandbox) -> None:
    client.set_webhook("https://batuta.example.com/webhooks/telegram/key")
    with pytest.raises(Refused) as raised:
        client.get_updates()
    assert raised.value.code == "webhook_active"
    client.set_webhook("")
    assert client.get_updates().events == ()
    first, last = sandbox.control.writes("telegram", "set_webhook")
    assert json.loads(first.text)["secret_token"] == SECRETS["webhook_secret"]
    assert "secret_token" not in json.loads(last.text)
