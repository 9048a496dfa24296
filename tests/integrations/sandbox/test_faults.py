"""Each fault does what it says, and the log says what was accepted."""

import http.client
import json
import time
from typing import Any

import pytest

from integrations.sandbox.control import ControlFailed
from integrations.sandbox.faults import FaultKind
from integrations.sandbox.runner import RunningSandbox

from .asking import Answer, ask
from .receiver import Receiver

NUMBER = "100000000000003"


def send(sandbox: RunningSandbox, to: str = "5511980000001", *, timeout: float = 10.0) -> Answer:
    body = {"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": "Oi"}}
    url = f"{sandbox.base_url('whatsapp_cloud')}/v26.0/{NUMBER}/messages"
    return ask("POST", url, content=body, timeout=timeout, authorization="Bearer sandbox-token")


def accepted(sandbox: RunningSandbox) -> int:
    return len(sandbox.control.acceptances())


def test_latency_answers_late_but_accepts_at_once(sandbox: RunningSandbox) -> None:
    sandbox.control.add_fault("latency", seconds=0.3, count=1)
    began = time.monotonic()
    assert send(sandbox).status == 200
    assert 0.3 <= time.monotonic() - began < 2.0
    assert accepted(sandbox) == 1


def test_a_rate_limit_and_a_server_error_accept_nothing(sandbox: RunningSandbox) -> None:
    sandbox.control.add_fault("rate_limit", service="whatsapp_cloud", operation="send", seconds=7, count=1)
    limited = send(sandbox)
    assert (limited.status, limited.headers["retry-after"]) == (429, "7")
    assert limited.json()["error"]["code"] == 130429
    sandbox.control.add_fault("server_error", count=1)
    assert send(sandbox).status == 500
    sandbox.control.add_fault("refuse", service="whatsapp_cloud", code="131056", count=1)
    assert send(sandbox).json()["error"]["code"] == 131056
    assert accepted(sandbox) == 0
    assert send(sandbox).status == 200


def test_a_cut_before_accepts_nothing(sandbox: RunningSandbox) -> None:
    sandbox.control.add_fault("cut_before", count=1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        send(sandbox)
    assert accepted(sandbox) == 0


@pytest.mark.parametrize("kind", ["cut_after", "hang_after"])
def test_accepted_without_an_answer(sandbox: RunningSandbox, kind: str) -> None:
    sandbox.control.add_fault(kind, seconds=0.2, count=1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        send(sandbox)
    assert accepted(sandbox) == 1


def test_accepted_then_timeout_is_the_clients_own_timeout(sandbox: RunningSandbox) -> None:
    sandbox.control.add_fault("hang_after", seconds=60, count=1)
    with pytest.raises(TimeoutError):
        send(sandbox, timeout=0.3)
    assert accepted(sandbox) == 1


def test_accepted_with_a_server_error(sandbox: RunningSandbox) -> None:
    sandbox.control.add_fault("server_error_after", count=1)
    assert send(sandbox).status == 500
    assert accepted(sandbox) == 1


def test_every_kind_is_explained(sandbox: RunningSandbox) -> None:
    kinds = sandbox.control.request("GET", "/faults")["kinds"]
    assert set(kinds) == {kind.value for kind in FaultKind}
    assert all(kinds.values())


def test_share_count_and_narrowing(sandbox: RunningSandbox) -> None:
    sandbox.control.add_fault("server_error", service="twilio")
    sandbox.control.add_fault("server_error", sender="another")
    sandbox.control.add_fault("server_error", operation="list_templates")
    assert send(sandbox).status == 200
    sandbox.control.clear_faults()
    sandbox.control.add_fault("server_error", share=0.5)
    statuses = [send(sandbox).status for _ in range(40)]
    assert 8 <= statuses.count(500) <= 32
    sandbox.control.clear_faults()
    assert send(sandbox).status == 200


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "explode"},
        {"kind": "latency", "share": 0},
        {"kind": "latency", "count": 0},
        {"kind": "latency", "surprise": 1},
        {"kind": "refuse"},
        {"kind": "refuse", "service": "twilio", "code": "131056"},
    ],
)
def test_a_senseless_fault_is_refused(sandbox: RunningSandbox, fault: dict[str, Any]) -> None:
    with pytest.raises(ControlFailed):
        sandbox.control.request("POST", "/faults", fault)
    assert sandbox.control.state()["faults"] == []


def statuses_of(receiver: Receiver) -> list[str]:
    return [
        status["status"]
        for taken in receiver.taken
        for entry in json.loads(taken.body)["entry"]
        for change in entry["changes"]
        for status in change["value"]["statuses"]
    ]


def open_number(sandbox: RunningSandbox, receiver: Receiver) -> None:
    sandbox.control.open_account("whatsapp_cloud", phone_number_id=NUMBER, webhook_url=f"{receiver.url}/hook")


def test_webhooks_are_duplicated_on_demand(sandbox: RunningSandbox, receiver: Receiver) -> None:
    open_number(sandbox, receiver)
    sandbox.control.set_outcome("+5511980000001", "sent")
    sandbox.control.add_fault("duplicate_webhooks", service="whatsapp_cloud")
    send(sandbox)
    state = sandbox.control.wait_until_quiet()
    assert (state.delivered, state.duplicated) == (2, 1)
    assert receiver.taken[0] == receiver.taken[1]


def test_webhooks_are_reordered_on_demand(sandbox: RunningSandbox, receiver: Receiver) -> None:
    open_number(sandbox, receiver)
    sandbox.control.set_outcome("+5511980000001", "read")
    sandbox.control.add_fault("reorder_webhooks", seconds=0.3, count=1)
    send(sandbox)
    sandbox.control.wait_until_quiet()
    assert statuses_of(receiver) == ["delivered", "read", "sent"]


def test_webhooks_are_dropped_on_demand(sandbox: RunningSandbox, receiver: Receiver) -> None:
    open_number(sandbox, receiver)
    sandbox.control.set_outcome("+5511980000001", "delivered")
    sandbox.control.add_fault("drop_webhooks", count=1)
    send(sandbox)
    sandbox.control.wait_until_quiet()
    assert statuses_of(receiver) == ["delivered"]


def test_a_refused_webhook_comes_again(sandbox: RunningSandbox, receiver: Receiver) -> None:
    open_number(sandbox, receiver)
    sandbox.control.set_outcome("+5511980000001", "sent")
    receiver.answer = lambda _: (503 if len(receiver.taken) < 3 else 200, b"")
    send(sandbox)
    state = sandbox.control.wait_until_quiet()
    assert (state.delivered, state.failed_attempts, state.given_up) == (1, 2, 0)
    assert statuses_of(receiver) == ["sent", "sent", "sent"]


def test_held_webhooks_wait_for_their_release(sandbox: RunningSandbox, receiver: Receiver) -> None:
    open_number(sandbox, receiver)
    sandbox.control.set_outcome("+5511980000001", "sent")
    sandbox.control.hold_webhooks()
    send(sandbox)
    time.sleep(0.3)
    assert receiver.taken == []
    sandbox.control.release_webhooks()
    sandbox.control.wait_until_quiet()
    assert statuses_of(receiver) == ["sent"]


def test_the_handshake_asks_as_meta_does(sandbox: RunningSandbox, receiver: Receiver) -> None:
    asked: list[str] = []

    def echo(taken: Any) -> tuple[int, bytes]:
        asked.append(taken.target)
        return 200, taken.target.partition("hub.challenge=")[2].partition("&")[0].encode()

    receiver.answer = echo
    assert sandbox.control.handshake(f"{receiver.url}/hook", "my-token") is True
    assert "hub.mode=subscribe" in asked[0] and "hub.verify_token=my-token" in asked[0]
    receiver.answer = lambda _: (200, b"wrong")
    assert sandbox.control.handshake(f"{receiver.url}/hook", "my-token") is False
