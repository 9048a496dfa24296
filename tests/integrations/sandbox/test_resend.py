"""The imitated Resend keeps to the wire facts."""

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from integrations.sandbox.runner import RunningSandbox, running_sandbox

from .asking import Answer, ask
from .receiver import Receiver, Taken

KEY = "re_key_of_the_test"
SECRET = "whsec_" + base64.b64encode(b"signing secret of the test").decode()
LETTER = {
    "from": "Loja <oi@loja.example>",
    "to": ["ana@example.com"],
    "subject": "Novidade",
    "html": '<a href="https://loja.example/x">veja</a>',
    "tags": [{"name": "reference", "value": "55"}],
}


@pytest.fixture(autouse=True)
def team(sandbox: RunningSandbox) -> None:
    sandbox.control.open_account("resend", name="test", api_key=KEY)


def send(sandbox: RunningSandbox, content: object, path: str = "/emails", key: str = KEY, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(
        "POST", sandbox.base_url("resend") + path, content=content, headers={"authorization": f"Bearer {key}", **named}
    )


def event_of(taken: Taken) -> dict[str, Any]:
    """The event, its Svix signature checked with this test's own arithmetic."""
    event_id, timestamp = taken.headers["svix-id"], taken.headers["svix-timestamp"]
    assert abs(time.time() - int(timestamp)) < 60
    signed = f"{event_id}.{timestamp}.".encode() + taken.body
    mark = hmac.new(base64.b64decode(SECRET.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    assert taken.headers["svix-signature"].split() == [f"v1,{base64.b64encode(mark).decode()}"]
    return dict(json.loads(taken.body))


def test_one_key_is_one_email(sandbox: RunningSandbox) -> None:
    first = send(sandbox, LETTER, idempotency_key="job-1")
    again = send(sandbox, LETTER, idempotency_key="job-1")
    other = send(sandbox, {**LETTER, "subject": "Outra"}, idempotency_key="job-1")
    assert (first.status, again.status, again.json()) == (200, 200, first.json())
    UUID(first.json()["id"])
    assert (other.status, other.json()["name"]) == (409, "invalid_idempotent_request")
    [accepted] = sandbox.control.acceptances()
    assert (accepted.to, accepted.reference, accepted.idempotency_key) == ("ana@example.com", "55", "job-1")
    assert (accepted.sender, accepted.subject) == ("oi@loja.example", "Novidade")
    assert first.headers["ratelimit-limit"] == "5"
    assert send(sandbox, LETTER, idempotency_key="x" * 257).json()["name"] == "invalid_idempotency_key"


def test_a_key_outlives_the_sandbox(sandbox: RunningSandbox, tmp_path: Path) -> None:
    with running_sandbox(log=tmp_path / "accepted.jsonl") as before:
        first = send(before, LETTER, key="re_sandbox", idempotency_key="job-2")
    with running_sandbox(log=before.log) as after:
        again = send(after, LETTER, key="re_sandbox", idempotency_key="job-2")
        assert again.json() == first.json()
        assert [accepted.number for accepted in after.control.acceptances()] == [1]


def test_events_are_signed_and_name_the_reference(sandbox: RunningSandbox, receiver: Receiver) -> None:
    url = f"{receiver.url}/webhooks/resend/key"
    sandbox.control.open_account("resend", name="test", api_key=KEY, signing_secret=SECRET, webhook_url=url)
    sandbox.control.set_outcome("ana@example.com", "clicked")
    sandbox.control.set_outcome("bia@example.com", "failed", code="permanent")
    email_id = send(sandbox, LETTER).json()["id"]
    bounced_id = send(sandbox, {**LETTER, "to": "Bia <BIA@example.com>"}).json()["id"]
    sandbox.control.wait_until_quiet()
    events = [event_of(taken) for taken in receiver.taken]
    told = {(event["data"]["email_id"], event["type"]): event["data"] for event in events}
    assert len(events) == 5
    assert set(told) == {
        *((email_id, f"email.{name}") for name in ("sent", "delivered", "opened", "clicked")),
        (bounced_id, "email.bounced"),
    }
    assert told[email_id, "email.clicked"]["click"]["link"] == "https://loja.example/x"
    assert told[email_id, "email.sent"]["tags"] == {"reference": "55"}
    assert told[bounced_id, "email.bounced"]["bounce"]["type"] == "Permanent"
    shown = ask("GET", f"{sandbox.base_url('resend')}/emails/{email_id}", authorization=f"Bearer {KEY}").json()
    assert (shown["last_event"], shown["subject"], shown["to"]) == ("clicked", "Novidade", ["ana@example.com"])


def test_whoever_wants_out_clicks_the_unsubscribe_header(sandbox: RunningSandbox, receiver: Receiver) -> None:
    sandbox.control.set_outcome("ana@example.com", "replied", words="SAIR")
    link = f"{receiver.url}/u/token"
    headers = {"List-Unsubscribe": f"<{link}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    send(sandbox, {**LETTER, "headers": headers})
    sandbox.control.wait_until_quiet()
    [taken] = receiver.taken
    assert (taken.target, taken.body) == ("/u/token", b"List-Unsubscribe=One-Click")


@pytest.mark.parametrize(
    ("change", "status", "name"),
    [
        ({"from": ""}, 422, "missing_required_field"),
        ({"to": ["not an address"]}, 422, "validation_error"),
        ({"html": ""}, 422, "missing_required_field"),
        ({"tags": [{"name": "reference", "value": "ção"}]}, 422, "validation_error"),
    ],
)
def test_a_bad_email_gets_resends_error(
    sandbox: RunningSandbox, change: dict[str, Any], status: int, name: str
) -> None:
    answer = send(sandbox, {**LETTER, **change})
    assert (answer.status, answer.json()["name"], answer.json()["statusCode"]) == (status, name, status)
    assert sandbox.control.acceptances() == []


def test_keys_of_the_api_are_checked(sandbox: RunningSandbox) -> None:
    missing = ask("POST", sandbox.base_url("resend") + "/emails", content=LETTER)
    wrong = send(sandbox, LETTER, key="re_wrong")
    assert (missing.status, missing.json()["name"]) == (401, "missing_api_key")
    assert (wrong.status, wrong.json()["name"]) == (403, "invalid_api_key")


def test_a_batch_is_strict_unless_asked(sandbox: RunningSandbox) -> None:
    batch = [LETTER, {**LETTER, "to": "no address"}, {**LETTER, "to": "caio@example.com"}]
    assert send(sandbox, batch, "/emails/batch").status == 422
    assert sandbox.control.acceptances() == []
    mixed = send(sandbox, batch, "/emails/batch", x_batch_validation="permissive").json()
    assert (len(mixed["data"]), [error["index"] for error in mixed["errors"]]) == (2, [1])
    assert [accepted.to for accepted in sandbox.control.acceptances()] == ["ana@example.com", "caio@example.com"]


def test_domains_are_listed(sandbox: RunningSandbox) -> None:
    sandbox.control.open_account("resend", name="test", api_key=KEY, domains=["loja.example"])
    listed = ask("GET", f"{sandbox.base_url('resend')}/domains", authorization=f"Bearer {KEY}").json()
    assert [(each["name"], each["status"]) for each in listed["data"]] == [("loja.example", "verified")]
    assert send(sandbox, {**LETTER, "from": "x@other.example"}).status == 403
