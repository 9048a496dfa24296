"""The imitated WhatsApp Cloud API keeps to the wire facts."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from integrations.sandbox.log import read_acceptances
from integrations.sandbox.runner import RunningSandbox

from .asking import Answer, ask
from .receiver import Receiver

NUMBER = "100000000000002"
SECRET = "app-secret-of-the-test"


def send(sandbox: RunningSandbox, body: object, *, number: str = NUMBER, token: str = "sandbox-token") -> Answer:
    url = f"{sandbox.base_url('whatsapp_cloud')}/v26.0/{number}/messages"
    return ask("POST", url, content=body, authorization=f"Bearer {token}")


def template(to: str, *parameters: str, name: str = "novidade", reference: str = "41") -> dict[str, Any]:
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": to,
        "type": "template",
        "template": {
            "name": name,
            "language": {"code": "pt_BR"},
            "components": [{"type": "body", "parameters": [{"type": "text", "text": text} for text in parameters]}],
        },
        "biz_opaque_callback_data": reference,
    }


def open_number(sandbox: RunningSandbox, receiver: Receiver) -> None:
    sandbox.control.open_account(
        "whatsapp_cloud",
        phone_number_id=NUMBER,
        app_secret=SECRET,
        webhook_url=f"{receiver.url}/webhooks/whatsapp_cloud/key?x=1",
    )


def values_of(receiver: Receiver) -> list[dict[str, Any]]:
    """Every `value` in the order of arrival, each signature checked with this test's own arithmetic."""
    values = []
    for taken in receiver.taken:
        expected = "sha256=" + hmac.new(SECRET.encode(), taken.body, hashlib.sha256).hexdigest()
        assert taken.headers["x-hub-signature-256"] == expected
        content = json.loads(taken.body)
        assert content["object"] == "whatsapp_business_account"
        values += [change["value"] for entry in content["entry"] for change in entry["changes"]]
    return values


def test_an_accepted_template_is_logged_before_it_is_answered(sandbox: RunningSandbox) -> None:
    answer = send(sandbox, template("5511987654321", "Ana", "20% de desconto"))
    assert answer.status == 200
    content = answer.json()
    message_id = content["messages"][0]["id"]
    assert message_id.startswith("wamid.HBgNNTUxMTk4NzY1NDMyMRUCABEYE")
    assert content["contacts"] == [{"input": "5511987654321", "wa_id": "5511987654321"}]
    [accepted] = read_acceptances(sandbox.log)
    assert (accepted.service, accepted.sender, accepted.to) == ("whatsapp_cloud", NUMBER, "+5511987654321")
    assert (accepted.reference, accepted.provider_id) == ("41", message_id)
    assert (
        accepted.text == "Olá Ana, temos uma novidade para você: 20% de desconto. Para não receber mais, responda SAIR."
    )
    assert sandbox.control.acceptances() == [accepted]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"to": "5511987654321", "type": "text", "text": {"body": "Oi"}}, 400, 100),
        ({"messaging_product": "whatsapp", "type": "text", "text": {"body": "Oi"}}, 400, 100),
        ({"messaging_product": "whatsapp", "to": "abc", "type": "text", "text": {"body": "Oi"}}, 400, 131009),
        ({"messaging_product": "whatsapp", "to": "5511987654321", "type": "text", "text": {}}, 400, 131008),
        (template("5511987654321", "Ana", "x", name="no_such"), 404, 132001),
        (template("5511987654321", "Ana"), 400, 132000),
    ],
)
def test_a_bad_request_gets_metas_error_and_is_not_logged(
    sandbox: RunningSandbox, body: dict[str, Any], status: int, code: int
) -> None:
    answer = send(sandbox, body)
    error = answer.json()["error"]
    assert (answer.status, error["code"], error["type"]) == (status, code, "OAuthException")
    assert error["fbtrace_id"]
    assert sandbox.control.acceptances() == []


def test_auth_and_unknown_numbers_are_refused(sandbox: RunningSandbox) -> None:
    wrong = send(sandbox, template("5511987654321", "a", "b"), token="wrong")
    assert (wrong.status, wrong.json()["error"]["code"]) == (401, 190)
    unknown = send(sandbox, template("5511987654321", "a", "b"), number="999")
    assert (unknown.json()["error"]["code"], unknown.json()["error"]["error_subcode"]) == (100, 33)
    assert sandbox.control.acceptances() == []


def test_statuses_come_back_signed_with_our_reference(sandbox: RunningSandbox, receiver: Receiver) -> None:
    open_number(sandbox, receiver)
    sandbox.control.set_outcome("+5531987654321", "replied", words="SAIR")
    sandbox.control.set_outcome("+5511987654322", "failed", code="131026")
    replied = send(sandbox, template("5531987654321", "a", "b", reference="7")).json()["messages"][0]["id"]
    failed = send(sandbox, template("5511987654322", "a", "b", reference="8")).json()["messages"][0]["id"]
    sandbox.control.wait_until_quiet()
    values = values_of(receiver)
    assert {taken.target for taken in receiver.taken} == {"/webhooks/whatsapp_cloud/key?x=1"}
    statuses = [status for value in values for status in value.get("statuses", [])]
    told = {(status["id"], status["status"]): status for status in statuses}
    assert set(told) == {(replied, "sent"), (replied, "delivered"), (replied, "read"), (failed, "failed")}
    assert len(statuses) == 4
    assert {status["biz_opaque_callback_data"] for status in statuses if status["id"] == replied} == {"7"}
    assert told[replied, "sent"]["pricing"]["category"] == "marketing"
    assert told[replied, "sent"]["recipient_id"] == "553187654321"  # WhatsApp's id has no ninth digit outside 11-28
    assert [error["code"] for error in told[failed, "failed"]["errors"]] == [131026]
    [inbound] = [message for value in values for message in value.get("messages", [])]
    assert (inbound["from"], inbound["text"], inbound["context"]["id"]) == ("553187654321", {"body": "SAIR"}, replied)


def test_many_statuses_share_one_webhook(sandbox: RunningSandbox, receiver: Receiver) -> None:
    open_number(sandbox, receiver)
    sandbox.control.hold_webhooks()
    for number in range(60):
        sandbox.control.set_outcome(f"+55119800000{number:02}", "sent")
        send(sandbox, template(f"55119800000{number:02}", "a", "b"))
    sandbox.control.release_webhooks()
    sandbox.control.wait_until_quiet()
    statuses = [status["recipient_id"] for value in values_of(receiver) for status in value["statuses"]]
    assert sorted(statuses) == [f"55119800000{number:02}" for number in range(60)]
    assert len(receiver.taken) < 30


def test_templates_are_listed_by_cursor_and_created(sandbox: RunningSandbox) -> None:
    base = f"{sandbox.base_url('whatsapp_cloud')}/v26.0"
    auth = "Bearer sandbox-token"
    first = ask("GET", f"{base}/200000000000001/message_templates?limit=2", authorization=auth).json()
    assert [each["name"] for each in first["data"]] == ["hello_world", "novidade"]
    second = ask("GET", first["paging"]["next"], authorization=auth).json()
    assert second["data"][0]["name"] == "aviso"
    created = ask(
        "POST",
        f"{base}/200000000000001/message_templates",
        content={
            "name": "teste_criado",
            "language": "pt_BR",
            "category": "UTILITY",
            "components": [{"type": "BODY", "text": "Pedido {{1}}"}],
        },
        authorization=auth,
    )
    assert (created.status, created.json()["status"]) == (200, "APPROVED")
    assert send(sandbox, template("5511987654321", "77", name="teste_criado")).status == 200


def test_the_number_tells_about_itself(sandbox: RunningSandbox) -> None:
    base = f"{sandbox.base_url('whatsapp_cloud')}/v26.0"
    wanted = "quality_rating,throughput,whatsapp_business_manager_messaging_limit"
    answer = ask("GET", f"{base}/{NUMBER}?fields={wanted}", authorization="Bearer sandbox-token")
    assert answer.json() == {
        "id": NUMBER,
        "quality_rating": "GREEN",
        "throughput": {"level": "STANDARD"},
        "whatsapp_business_manager_messaging_limit": "TIER_UNLIMITED",
    }
