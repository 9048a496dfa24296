"""Limits of the providers, people who answer once, and memory that does not grow."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations.sandbox.behaviour import Shares
from integrations.sandbox.clock import Clock
from integrations.sandbox.faults import Faults
from integrations.sandbox.phones import MAX_MESSAGES_A_PHONE, MAX_PHONES, Phones
from integrations.sandbox.postman import MAX_WAITING, Postman, RetryRule, Webhook, is_near
from integrations.sandbox.runner import RunningSandbox, running_sandbox
from integrations.sandbox.world import SandboxSettings, World

from .asking import Answer, ask
from .receiver import Receiver

NUMBER = "100000000000001"


@pytest.fixture(scope="module")
def strict() -> Iterator[RunningSandbox]:
    with running_sandbox(real_limits=True, time_scale=1000.0) as running:
        yield running


def whatsapp(sandbox: RunningSandbox, to: str) -> Answer:
    body = {"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": "Oi"}}
    url = f"{sandbox.base_url('whatsapp_cloud')}/v26.0/{NUMBER}/messages"
    return ask("POST", url, content=body, authorization="Bearer sandbox-token")


def test_a_person_gets_one_whatsapp_in_six_seconds(strict: RunningSandbox) -> None:
    assert whatsapp(strict, "5511980000001").status == 200
    refused = whatsapp(strict, "5511980000001")
    assert refused.json()["error"]["code"] == 131056
    assert whatsapp(strict, "5511980000002").status == 200
    assert [accepted.to for accepted in strict.control.acceptances()] == ["+5511980000001", "+5511980000002"]


def test_a_number_has_a_throughput(strict: RunningSandbox) -> None:
    strict.control.reset()
    strict.control.open_account("whatsapp_cloud", phone_number_id=NUMBER, messages_per_second=2)
    codes = [whatsapp(strict, f"551198000001{last}").json().get("error", {}).get("code") for last in range(6)]
    assert codes[:2] == [None, None]
    assert 130429 in codes
    assert len(strict.control.acceptances()) == codes.count(None)


def test_free_text_needs_an_open_window(strict: RunningSandbox, receiver: Receiver) -> None:
    strict.control.reset()
    strict.control.open_account("whatsapp_cloud", phone_number_id=NUMBER, webhook_url=f"{receiver.url}/hook")
    strict.control.set_outcomes({f"+551198000002{last}": {"last": "sent"} for last in (1, 2)})
    strict.control.say("whatsapp_cloud", NUMBER, "+5511980000021", "Oi")
    for last in (1, 2):
        assert whatsapp(strict, f"551198000002{last}").status == 200
    strict.control.wait_until_quiet()
    contents = [json.loads(taken.body)["entry"][0]["changes"][0]["value"] for taken in receiver.taken]
    statuses = [status for value in contents for status in value.get("statuses", [])]
    told = {
        status["recipient_id"]: (status["status"], status.get("errors", [{}])[0].get("code")) for status in statuses
    }
    assert told == {"5511980000021": ("sent", None), "5511980000022": ("failed", 131047)}


def test_resend_counts_requests_a_second(strict: RunningSandbox) -> None:
    url, auth = f"{strict.base_url('resend')}/domains", {"authorization": "Bearer re_sandbox"}
    answers = [ask("GET", url, headers=auth) for _ in range(12)]
    limited = [answer for answer in answers if answer.status == 429]
    assert answers[0].headers["ratelimit-limit"] == "5"
    assert limited and limited[0].json()["name"] == "rate_limit_exceeded"
    assert int(limited[0].headers["retry-after"]) >= 1


def test_a_person_answers_once(sandbox: RunningSandbox, receiver: Receiver) -> None:
    webhook = {"enabled": True, "url": receiver.url, "events": ["MESSAGES_UPSERT"]}
    sandbox.control.open_account("evolution", name="once", webhook=webhook)
    sandbox.control.set_outcome("+5511980000009", "replied", words="SAIR")
    for _ in range(3):
        url = f"{sandbox.base_url('evolution')}/message/sendText/once"
        ask("POST", url, content={"number": "5511980000009", "text": "Oi"}, apikey="sandbox-evolution-key")
    sandbox.control.wait_until_quiet()
    assert len(sandbox.control.acceptances()) == 3
    assert len(receiver.taken) == 1


def test_the_queue_of_webhooks_is_bounded() -> None:
    postman = Postman(Clock(1.0), Faults("seed"))
    for number in range(MAX_WAITING + 5):
        url = f"http://127.0.0.1:9/{number}"
        postman.post(Webhook("twilio", "x", url, b"", "text/plain", lambda _: {}, RetryRule(())))
    assert (postman.waiting, postman.counts.dropped) == (MAX_WAITING, 5)


def test_phones_are_bounded(tmp_path: Path) -> None:
    phones = Phones()
    for number in range(MAX_PHONES + 10):
        phones.note(f"+55{number}", 0.0, "twilio", "a", "Oi")
    assert len(phones) == MAX_PHONES
    assert phones.latest(1)[0].address == f"+55{MAX_PHONES + 9}"
    for number in range(MAX_MESSAGES_A_PHONE + 3):
        phones.note("+1", 0.0, "twilio", "a", f"m{number}")
    assert [entry.text for entry in phones.latest(1)[0].entries][0] == "m3"


def test_ids_never_repeat_for_the_same_seed(tmp_path: Path) -> None:
    worlds = [World(SandboxSettings(log=tmp_path / f"{name}.jsonl", shares=Shares())) for name in "ab"]
    ids = {world.new_id() for world in worlds for _ in range(1000)}
    for world in worlds:
        world.log.close()
    assert len(ids) == 2000


def test_final_answers_end_the_retries(sandbox: RunningSandbox, receiver: Receiver) -> None:
    receiver.answer = lambda _: (404, b"")
    webhook = {"enabled": True, "url": receiver.url, "events": ["MESSAGES_UPSERT"]}
    sandbox.control.open_account("evolution", name="final", webhook=webhook)
    sandbox.control.say("evolution", "final", "+5511980000008", "Oi")
    state = sandbox.control.wait_until_quiet()
    assert (len(receiver.taken), state.given_up, state.delivered) == (1, 1, 0)


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("10.1.2.3", True),
        ("localhost", True),
        ("web", True),
        ("batuta.example.com", False),
        ("8.8.8.8", False),
    ],
)
def test_near_hosts(host: str, near: bool) -> None:
    assert is_near(host) is near


def test_no_webhook_leaves_for_the_internet(sandbox: RunningSandbox) -> None:
    webhook = {"enabled": True, "url": "https://agency.example.com/hook"}
    sandbox.control.open_account("evolution", name="far", webhook=webhook)
    sandbox.control.say("evolution", "far", "+5511980000007", "Oi")
    state = sandbox.control.wait_until_quiet()
    assert (state.given_up, state.delivered) == (1, 0)
    assert "is a public host; start the sandbox with --webhooks-to" in state.last_problem


def test_one_messages_trouble_does_not_stop_the_clock(sandbox: RunningSandbox, receiver: Receiver) -> None:
    sandbox.control.open_account("whatsapp_cloud", phone_number_id=NUMBER, webhook_url=f"{receiver.url}/hook")
    sandbox.control.set_outcome("+5511980000031", "failed", code="not a number")
    sandbox.control.set_outcome("+5511980000032", "sent")
    for last in (1, 2):
        whatsapp(sandbox, f"551198000003{last}")
    sandbox.control.wait_until_quiet()
    assert [
        json.loads(taken.body)["entry"][0]["changes"][0]["value"]["statuses"][0]["status"] for taken in receiver.taken
    ] == ["sent"]
