"""The imitated Twilio, asked through Twilio's own SDK and judged by its own validator."""

from urllib.parse import parse_qsl

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from integrations.sandbox.runner import RunningSandbox

from .receiver import Receiver, Taken

SID = f"AC{7:032x}"
TOKEN = "auth-token-of-the-test"


@pytest.fixture
def client(sandbox: RunningSandbox) -> Client:
    sandbox.control.open_account("twilio", account_sid=SID, auth_token=TOKEN)
    return client_for(sandbox, TOKEN)


def client_for(sandbox: RunningSandbox, password: str) -> Client:
    client = Client(SID, password)
    client.api.base_url = sandbox.base_url("twilio")
    return client


def fields_of(taken: Taken, receiver: Receiver) -> dict[str, str]:
    """The form of a callback whose signature Twilio's SDK accepts."""
    form = dict(parse_qsl(taken.body.decode(), keep_blank_values=True))
    url = receiver.url + taken.target
    assert RequestValidator(TOKEN).validate(url, form, taken.headers["x-twilio-signature"])
    assert not RequestValidator("another token").validate(url, form, taken.headers["x-twilio-signature"])
    assert taken.headers["i-twilio-idempotency-token"]
    return form


def test_an_sms_is_accepted_found_and_reported(client: Client, sandbox: RunningSandbox, receiver: Receiver) -> None:
    sandbox.control.set_outcome("+5511987650001", "delivered")
    callback = f"{receiver.url}/webhooks/twilio/key?reference=91"
    sent = client.messages.create(to="+5511987650001", from_="+15005550006", body="Olá!", status_callback=callback)
    assert (sent.status, sent.num_segments, sent.error_code, sent.direction) == ("queued", "1", None, "outbound-api")
    assert sent.sid is not None
    assert (sent.sid[:2], len(sent.sid)) == ("SM", 34)
    [accepted] = sandbox.control.acceptances()
    assert (accepted.to, accepted.sender, accepted.reference) == ("+5511987650001", "+15005550006", "91")
    assert (accepted.provider_id, accepted.text) == (sent.sid, "Olá!")
    sandbox.control.wait_until_quiet()
    forms = [fields_of(taken, receiver) for taken in receiver.taken]
    assert sorted(form["MessageStatus"] for form in forms) == ["delivered", "sent"]
    assert {(form["MessageSid"], form["To"], form["AccountSid"]) for form in forms} == {
        (sent.sid, "+5511987650001", SID)
    }
    assert {taken.target for taken in receiver.taken} == {"/webhooks/twilio/key?reference=91"}
    assert client.messages(sent.sid).fetch().status == "delivered"


def test_a_whatsapp_message_has_its_own_addresses_and_errors(
    client: Client, sandbox: RunningSandbox, receiver: Receiver
) -> None:
    sandbox.control.set_outcome("+5511987650002", "failed", code="63024")
    sent = client.messages.create(
        to="whatsapp:+5511987650002",
        from_="whatsapp:+15005550006",
        content_sid="HX" + "0" * 32,
        content_variables='{"1": "Ana"}',
        status_callback=f"{receiver.url}/cb",
    )
    assert (sent.to, sent.from_) == ("whatsapp:+5511987650002", "whatsapp:+15005550006")
    sandbox.control.wait_until_quiet()
    [form] = [fields_of(taken, receiver) for taken in receiver.taken]
    assert (form["MessageStatus"], form["ErrorCode"], form["ChannelPrefix"]) == ("failed", "63024", "whatsapp")
    assert client.messages(sent.sid).fetch().error_code == 63024


def test_the_list_is_paged_and_filtered(client: Client) -> None:
    for number in range(7):
        client.messages.create(to=f"+551198765010{number % 2}", from_="+15005550006", body=f"n{number}")
    assert [each.body for each in client.messages.list(page_size=3)] == ["n6", "n5", "n4", "n3", "n2", "n1", "n0"]
    assert [each.body for each in client.messages.list(to="+5511987650101")] == ["n5", "n3", "n1"]


def test_after_stop_twilio_itself_refuses(client: Client, sandbox: RunningSandbox, receiver: Receiver) -> None:
    sandbox.control.open_account("twilio", account_sid=SID, auth_token=TOKEN, inbound_url=f"{receiver.url}/in")
    client.messages.create(to="+5511987650003", from_="+15005550006", body="Oi")
    sandbox.control.say("twilio", SID, "+5511987650003", "stop")
    [taken] = receiver.wait_for(1)
    form = fields_of(taken, receiver)
    assert (form["From"], form["To"], form["Body"], form["SmsStatus"]) == (
        "+5511987650003",
        "+15005550006",
        "stop",
        "received",
    )
    with pytest.raises(TwilioRestException) as refused:
        client.messages.create(to="+5511987650003", from_="+15005550006", body="Oi de novo")
    assert (refused.value.status, refused.value.code) == (400, 21610)
    assert len(sandbox.control.acceptances()) == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"to": "+12", "from_": "+15005550006", "body": "x"}, 21211),
        ({"to": "+5511987650004", "body": "x"}, 21603),
        ({"to": "+5511987650004", "from_": "+15005550006"}, 21602),
        ({"to": "+5511987650004", "from_": "+15005550006", "body": "x" * 1601}, 21617),
    ],
)
def test_bad_requests_get_twilios_codes(
    client: Client, sandbox: RunningSandbox, arguments: dict[str, str], code: int
) -> None:
    with pytest.raises(TwilioRestException) as refused:
        client.messages.create(**arguments)
    assert (refused.value.status, refused.value.code) == (400, code)
    assert sandbox.control.acceptances() == []


def test_a_wrong_token_and_a_limit_are_told_by_code(client: Client, sandbox: RunningSandbox) -> None:
    with pytest.raises(TwilioRestException) as refused:
        client_for(sandbox, "wrong").messages(f"SM{1:032x}").fetch()
    assert (refused.value.status, refused.value.code) == (401, 20003)
    sandbox.control.add_fault("rate_limit", service="twilio", count=1)
    with pytest.raises(TwilioRestException) as limited:
        client.messages.create(to="+5511987650005", from_="+15005550006", body="x")
    assert (limited.value.status, limited.value.code) == (429, 20429)
    assert client.messages.create(to="+5511987650005", from_="+15005550006", body="x").sid
