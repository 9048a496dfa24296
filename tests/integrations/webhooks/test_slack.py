"""Slack's webhooks: buttons, events, the question whether an address is ours. Samples are from docs.slack.dev."""

import json
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from slack_sdk.signature import SignatureVerifier

from integrations.events import ServiceEvent
from integrations.sandbox.runner import RunningSandbox
from integrations.slack.webhook import answer_challenge, event_id, parse, verify
from integrations.webhooks.request import BadSignature, UnreadablePayload, WebhookRequest
from tests.integrations.sandbox.receiver import Receiver
from tests.integrations.webhooks.deliveries import JSON, NOW, as_delivery, delivery, facts, sample

FORM = "application/x-www-form-urlencoded"
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
CONNECTION = facts("slack", bot_token="xoxb-1", signing_secret=SECRET)


def button() -> bytes:
    """A pressed button as it travels: JSON in one field of a form."""
    return urlencode({"payload": json.dumps(json.loads(sample("slack", "block_actions")))}).encode()


def signed(body: bytes, *, secret: str = SECRET, written: float = NOW, at: float = NOW) -> WebhookRequest:
    """Signed as Slack's own SDK does."""
    moment = str(int(written))
    signature = SignatureVerifier(secret).generate_signature(timestamp=moment, body=body) or ""
    headers = {"X-Slack-Request-Timestamp": moment, "X-Slack-Signature": signature, "Content-Type": FORM}
    return delivery(body, headers, at=at)


def test_slacks_own_signature_is_accepted() -> None:
    verify(signed(button()), CONNECTION)
    verify(signed(button(), at=NOW + 300), CONNECTION)
    verify(signed(button(), at=NOW - 300), CONNECTION)


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(signed(button(), secret="another"), id="another secret"),
        pytest.param(signed(button(), at=NOW + 301), id="sent too long ago"),
        pytest.param(signed(button(), at=NOW - 301), id="from the future"),
        pytest.param(delivery(button() + b"&", signed(button()).headers), id="altered body"),
        pytest.param(
            delivery(button(), {**signed(button()).headers, "x-slack-request-timestamp": str(int(NOW) + 1)}),
            id="altered timestamp",
        ),
        pytest.param(delivery(button(), {"x-slack-request-timestamp": str(int(NOW))}), id="no signature"),
        pytest.param(delivery(button(), {"x-slack-signature": "v0=00"}), id="no timestamp"),
        pytest.param(
            delivery(button(), {**signed(button()).headers, "x-slack-request-timestamp": "²"}), id="no number"
        ),
    ],
)
def test_anything_else_is_refused(request_: WebhookRequest) -> None:
    with pytest.raises(BadSignature):
        verify(request_, CONNECTION)


def test_a_pressed_button_is_an_event_with_who_and_where() -> None:
    trigger = "12321423423.333649436676.d8c1bb837935619ccad0f624c448ffb3"
    assert event_id(signed(button())) == trigger
    assert parse(button(), FORM, {}) == [
        ServiceEvent(
            kind="slack.button",
            occurred_at=datetime.fromtimestamp(1548426417, UTC),
            provider_event_id=f"{trigger}:WaXA",
            subject="click_me_123",
            facts={"action": "WaXA", "user": "UA8RXUSPL", "channel": "CBR2V3XEX", "ts": "1548261231.000200"},
        )
    ]


def test_the_challenge_is_answered_and_is_no_event() -> None:
    asked = delivery(sample("slack", "url_verification"), JSON)
    assert answer_challenge(asked, CONNECTION) == b"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"
    told = delivery(sample("slack", "event_callback"), JSON)
    assert answer_challenge(told, CONNECTION) is None
    assert answer_challenge(signed(button()), CONNECTION) is None
    assert event_id(told) == "Ev123ABC456"
    assert parse(told.body, "application/json", {}) == []


@pytest.mark.parametrize("body", [b"payload=%7B", b"payload=%5B%5D", b"", b"other=1"])
def test_a_form_without_a_payload_is_a_dead_letter(body: bytes) -> None:
    with pytest.raises(UnreadablePayload):
        parse(body, FORM, {})


def test_what_the_sandbox_sends_is_accepted_and_read(sandbox: RunningSandbox, receiver: Receiver) -> None:
    sandbox.control.open_account("slack", webhook_url=f"{receiver.url}/webhooks/slack/key", signing_secret=SECRET)
    sandbox.control.happen("slack", "button", action="approve", value="alert:41", user="U0RUI", ts="1790000000.000100")
    [taken] = receiver.wait_for(1)
    request = as_delivery(taken)
    verify(request, CONNECTION)
    with pytest.raises(BadSignature):
        verify(request, facts("slack", bot_token="xoxb-1", signing_secret="another"))
    [event] = parse(request.body, request.header("content-type"), {})
    assert isinstance(event, ServiceEvent)
    assert (event.kind, event.subject, event.facts["action"], event.facts["user"]) == (
        "slack.button",
        "alert:41",
        "approve",
        "U0RUI",
    )
    assert event_id(request)
