"""The imitated Evolution API keeps to the wire facts."""

import json
from typing import Any

import jwt
import pytest

from integrations.sandbox.runner import RunningSandbox

from .asking import Answer, ask
from .receiver import Receiver

KEY = "sandbox-evolution-key"
INSTANCE = "loja-teste"


@pytest.fixture(autouse=True)
def instance(sandbox: RunningSandbox) -> None:
    sandbox.control.open_account("evolution", name=INSTANCE, number="5511400000077", token="own-token")


def call(sandbox: RunningSandbox, method: str, path: str, content: object = None, *, apikey: str = KEY) -> Answer:
    return ask(method, sandbox.base_url("evolution") + path, content=content, apikey=apikey)


def subscribe(sandbox: RunningSandbox, receiver: Receiver, **changes: Any) -> None:
    webhook = {
        "enabled": True,
        "url": f"{receiver.url}/webhooks/evolution/key",
        "headers": {"x-secret": "static"},
        "events": ["MESSAGES_UPDATE", "MESSAGES_UPSERT", "CONNECTION_UPDATE"],
        **changes,
    }
    assert call(sandbox, "POST", f"/webhook/set/{INSTANCE}", {"webhook": webhook}).status == 201


def contents_of(receiver: Receiver) -> list[dict[str, Any]]:
    contents = [json.loads(taken.body) for taken in receiver.taken]
    assert {(content["instance"], content["apikey"]) for content in contents} == {(INSTANCE, None)}
    return contents


def test_a_text_is_accepted_and_its_updates_match_by_key_id(sandbox: RunningSandbox, receiver: Receiver) -> None:
    subscribe(sandbox, receiver)
    sandbox.control.set_outcome("+5531987650001", "replied", words="Parar")
    answer = call(sandbox, "POST", f"/message/sendText/{INSTANCE}", {"number": "5531987650001", "text": "Olá"})
    sent = answer.json()
    assert (answer.status, sent["status"], sent["messageType"]) == (201, "PENDING", "conversation")
    assert sent["key"]["remoteJid"] == "553187650001@s.whatsapp.net"
    assert sent["key"]["id"].startswith("3EB0")
    [accepted] = sandbox.control.acceptances()
    assert (accepted.sender, accepted.to, accepted.text) == (INSTANCE, "+5531987650001", "Olá")
    assert accepted.provider_id == sent["key"]["id"]
    sandbox.control.wait_until_quiet()
    assert {taken.headers["x-secret"] for taken in receiver.taken} == {"static"}
    contents = contents_of(receiver)
    updates = [content["data"] for content in contents if content["event"] == "messages.update"]
    assert sorted(update["status"] for update in updates) == ["DELIVERY_ACK", "READ", "SERVER_ACK"]
    assert {update["keyId"] for update in updates} == {sent["key"]["id"]}
    [inbound] = [content["data"] for content in contents if content["event"] == "messages.upsert"]
    assert (inbound["message"], inbound["key"]["fromMe"]) == ({"conversation": "Parar"}, False)
    assert inbound["contextInfo"]["stanzaId"] == sent["key"]["id"]


def test_a_number_without_whatsapp_is_refused_at_once(sandbox: RunningSandbox) -> None:
    sandbox.control.set_outcome("+5511987650002", "failed", code="not_registered")
    answer = call(sandbox, "POST", f"/message/sendText/{INSTANCE}", {"number": "5511987650002", "text": "Olá"})
    assert (answer.status, answer.json()) == (
        400,
        {
            "status": 400,
            "error": "Bad Request",
            "response": {
                "message": [{"exists": False, "jid": "5511987650002@s.whatsapp.net", "number": "5511987650002"}]
            },
        },
    )
    assert sandbox.control.acceptances() == []


def test_a_closed_instance_says_so_everywhere(sandbox: RunningSandbox, receiver: Receiver) -> None:
    subscribe(sandbox, receiver)
    path = f"/instance/connectionState/{INSTANCE}"
    assert call(sandbox, "GET", path).json()["instance"] == {"instanceName": INSTANCE, "state": "open"}
    fault = sandbox.control.add_fault("instance_closed", service="evolution", sender=INSTANCE)
    assert call(sandbox, "GET", path).json()["instance"]["state"] == "close"
    refused = call(sandbox, "POST", f"/message/sendText/{INSTANCE}", {"number": "5511987650003", "text": "Olá"})
    assert (refused.status, refused.json()["response"]["message"]) == (500, "Connection Closed")
    sandbox.control.remove_fault(fault)
    receiver.wait_for(2)
    states = [content["data"]["state"] for content in contents_of(receiver)]
    assert sorted(states) == ["close", "open"]
    assert sandbox.control.acceptances() == []


def test_the_jwt_of_a_webhook_is_signed_with_its_key(sandbox: RunningSandbox, receiver: Receiver) -> None:
    key = "a key of more than thirty-two bytes, as HS256 wants"
    subscribe(sandbox, receiver, headers={"jwt_key": key}, byEvents=True)
    sandbox.control.say("evolution", INSTANCE, "+5511987650004", "Oi")
    [taken] = receiver.wait_for(1)
    assert taken.target == "/webhooks/evolution/key/messages-upsert"
    claims = jwt.decode(taken.headers["authorization"].removeprefix("Bearer "), key, algorithms=["HS256"])
    assert (claims["app"], claims["exp"] - claims["iat"]) == ("evolution", 600)
    assert "jwt_key" not in taken.headers


def test_keys_and_fields_are_checked(sandbox: RunningSandbox) -> None:
    path, body = f"/message/sendText/{INSTANCE}", {"number": "5511987650005", "text": "Olá"}
    assert call(sandbox, "POST", path, body, apikey="wrong").status == 401
    assert call(sandbox, "POST", path, body, apikey="own-token").status == 201
    assert call(sandbox, "POST", "/message/sendText/nobody", body).status == 404
    missing = call(sandbox, "POST", path, {"number": "5511987650005"})
    assert (missing.status, missing.json()["response"]["message"]) == (400, [['instance requires property "text"']])
    template = call(
        sandbox, "POST", f"/message/sendTemplate/{INSTANCE}", {"number": "1", "name": "x", "language": "pt_BR"}
    )
    assert (template.status, template.json()["response"]["message"]) == (
        400,
        ["Method not available in the Baileys service"],
    )
    assert len(sandbox.control.acceptances()) == 1


def test_instances_are_created_listed_and_deleted(sandbox: RunningSandbox) -> None:
    created = call(sandbox, "POST", "/instance/create", {"instanceName": "nova", "integration": "WHATSAPP-BAILEYS"})
    assert created.status == 201
    listed = call(sandbox, "GET", "/instance/fetchInstances").json()
    assert {(each["name"], each["connectionStatus"]) for each in listed} >= {("nova", "close"), (INSTANCE, "open")}
    assert call(sandbox, "GET", "/instance/connect/nova").json()["base64"].startswith("data:image/png;base64,")
    assert sandbox.control.happen("evolution", "scanned", instance="nova")["state"] == "open"
    assert call(sandbox, "GET", "/instance/connect/nova").json()["instance"]["state"] == "open"
    assert call(sandbox, "DELETE", "/instance/delete/nova").status == 200
    assert call(sandbox, "GET", "/instance/connectionState/nova").status == 404
