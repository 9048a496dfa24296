"""Telegram's webhooks: messages and pressed buttons. Samples are from core.telegram.org (the guide to webhooks, and the object CallbackQuery)."""

import json
from datetime import UTC, datetime

import pytest

from integrations.events import UNDATED, ServiceEvent
from integrations.sandbox.runner import RunningSandbox
from integrations.telegram.webhook import event_id, parse, verify
from integrations.webhooks.request import BadSignature, UnreadablePayload, WebhookRequest
from tests.integrations.sandbox.receiver import Receiver
from tests.integrations.webhooks.deliveries import JSON, as_delivery, delivery, facts, sample

SECRET = "a-secret_that-Batuta-made-up"
CONNECTION = facts("telegram", bot_token="1:x", webhook_secret=SECRET)
HEADER = "X-Telegram-Bot-Api-Secret-Token"


def told(name: str, secret: str = SECRET) -> WebhookRequest:
    return delivery(sample("telegram", name), {**JSON, HEADER: secret})


def read(name: str) -> list[object]:
    return list(parse(sample("telegram", name), "application/json", {}))


def test_who_knows_the_secret_is_telegram() -> None:
    verify(told("message"), CONNECTION)


@pytest.mark.parametrize("secret", ["", "another", SECRET[:-1], SECRET + "x", SECRET.upper(), "ção"])
def test_nobody_else_is(secret: str) -> None:
    with pytest.raises(BadSignature):
        verify(told("message", secret), CONNECTION)


def test_a_delivery_without_the_header_is_refused() -> None:
    with pytest.raises(BadSignature):
        verify(delivery(sample("telegram", "message"), JSON), CONNECTION)


def test_a_repetition_has_the_same_id() -> None:
    assert event_id(told("message")) == event_id(told("message", "another")) == "10000"
    assert event_id(told("callback_query")) == "10001"


def test_a_message_is_an_event_with_its_chat_and_text() -> None:
    assert read("message") == [
        ServiceEvent(
            kind="telegram.message",
            occurred_at=datetime.fromtimestamp(1441645532, UTC),
            provider_event_id="10000",
            subject="1111111",
            facts={"text": "/start", "message": "1365", "reply_to": "", "user": "1111111", "username": "Testusername"},
        )
    ]


def test_a_document_without_a_caption_is_a_message_without_text() -> None:
    [event] = read("message_document")
    assert isinstance(event, ServiceEvent)
    assert (event.kind, event.subject, event.facts["text"]) == ("telegram.message", "1111111", "")


def test_a_pressed_button_says_who_and_below_which_message() -> None:
    person = {"user": "1111111", "username": "Testusername"}
    callback = {"callback": "4382bfdwdsb323b2d9"}
    assert read("callback_query") == [
        ServiceEvent(
            kind="telegram.button",
            occurred_at=UNDATED,
            provider_event_id="10001",
            subject="Data from button callback",
            facts={**callback, "chat": "-1001000000001", "message": "1366", **person},
        )
    ]
    [inline] = read("callback_query_inline")
    assert isinstance(inline, ServiceEvent)
    assert inline.facts == {**callback, "chat": "", "message": "", **person}


def test_what_we_did_not_ask_for_is_no_event() -> None:
    assert read("edited_message") == []


@pytest.mark.parametrize("body", [b"", b"[]", b"update_id=1"])
def test_what_is_no_update_is_a_dead_letter(body: bytes) -> None:
    with pytest.raises(UnreadablePayload):
        parse(body, "application/json", {})


def test_what_the_sandbox_sends_is_accepted_and_read(sandbox: RunningSandbox, receiver: Receiver) -> None:
    account = {"webhook_url": f"{receiver.url}/webhooks/telegram/key", "webhook_secret": SECRET}
    sandbox.control.open_account("telegram", **account)
    sandbox.control.happen("telegram", "button", data="alert:41", message=7, chat="-1001000000001")
    sandbox.control.happen("telegram", "message", text="Olá")
    requests = [as_delivery(taken) for taken in receiver.wait_for(2)]
    events = []
    for request in requests:
        verify(request, CONNECTION)
        with pytest.raises(BadSignature):
            verify(request, facts("telegram", bot_token="1:x", webhook_secret="another"))
        [event] = parse(request.body, request.header("content-type"), {})
        assert isinstance(event, ServiceEvent)
        assert event_id(request) == event.provider_event_id == str(json.loads(request.body)["update_id"])
        events.append((event.kind, event.subject, event.facts["message"]))
    assert sorted(events) == [("telegram.button", "alert:41", "7"), ("telegram.message", "1111111", "1")]
