"""What the sandbox sends, our own door verifies and understands: both sides keep to the same wire facts."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import import_module
from urllib.parse import parse_qsl, urlsplit

import pytest

from integrations.capabilities.messages import Accepted, OutboundMessage, TemplateCall, open_channel
from integrations.events import EventKind, MessageEvent
from integrations.facts import ConnectionFacts
from integrations.sandbox.runner import RunningSandbox
from integrations.webhooks.request import BadSignature, WebhookRequest

from .receiver import Receiver, Taken

ACCOUNT = f"AC{9:032x}"
PHONE = "+5531987654399"
MAIL = "ana.door@example.com"
OUR_SECRETS: Mapping[str, Mapping[str, str]] = {
    "whatsapp_cloud": {"access_token": "t-door", "app_secret": "s-door", "verify_token": "v"},
    "evolution": {"api_key": "sandbox-evolution-key", "webhook_token": "w" * 40},
    "twilio": {"auth_token": "a-door"},
    "resend": {"api_key": "re_door", "webhook_secret": "whsec_ZG9vci1zZWNyZXQtZm9yLXRlc3Rz"},
}
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "whatsapp_cloud": {"business_account_id": "300000000000001"},
    "evolution": {},
    "twilio": {"account_sid": ACCOUNT},
    "resend": {},
}
SENDERS: Mapping[str, str] = {
    "whatsapp_cloud": "300000000000002",
    "evolution": "door",
    "twilio": "+15005550006",
    "resend": "Loja <loja@example.com>",
}


def open_account(sandbox: RunningSandbox, service: str, url: str) -> None:
    secrets = OUR_SECRETS[service]
    match service:
        case "whatsapp_cloud":
            sandbox.control.open_account(
                service,
                phone_number_id=SENDERS[service],
                waba_id=SETTINGS[service]["business_account_id"],
                token=secrets["access_token"],
                app_secret=secrets["app_secret"],
                webhook_url=url,
            )
        case "evolution":
            webhook = {"enabled": True, "url": url, "headers": {"jwt_key": secrets["webhook_token"]}}
            sandbox.control.open_account(service, name="door", webhook=webhook)
        case "twilio":
            sandbox.control.open_account(
                service, account_sid=ACCOUNT, auth_token=secrets["auth_token"], inbound_url=url
            )
        case "resend":
            sandbox.control.open_account(
                service,
                name="door",
                api_key=secrets["api_key"],
                signing_secret=secrets["webhook_secret"],
                webhook_url=url,
            )


def facts(sandbox: RunningSandbox, service: str, url: str, secrets: Mapping[str, str]) -> ConnectionFacts:
    settings = {**SETTINGS[service], "base_url": sandbox.base_url(service)}
    return ConnectionFacts(1, service, "key", settings, url, secrets)


async def send(connection: ConnectionFacts, message: OutboundMessage) -> Accepted:
    channel = open_channel(connection)
    try:
        return await channel.send(message)
    finally:
        await channel.aclose()


def as_request(taken: Taken, public: str) -> WebhookRequest:
    parts = urlsplit(public + taken.target)
    return WebhookRequest(
        method=taken.method,
        url=public + taken.target,
        path=parts.path,
        query=parts.query,
        headers=taken.headers,
        body=taken.body,
        received_at=datetime.now(UTC),
    )


@pytest.mark.parametrize("service", sorted(OUR_SECRETS))
def test_a_message_comes_back_as_events_that_match_it(
    sandbox: RunningSandbox, receiver: Receiver, service: str
) -> None:
    public = "https://batuta.example"
    url = f"{public}/webhooks/{service}/key"
    sandbox.control.send_webhooks_to(receiver.url)
    open_account(sandbox, service, url)
    connection = facts(sandbox, service, url, OUR_SECRETS[service])
    mail = service == "resend"
    to = MAIL if mail else PHONE
    sandbox.control.set_outcome(to, "replied", words="Quero saber mais")
    message = OutboundMessage(
        reference="7001",
        idempotency_key="k-7001",
        to=to,
        sender=SENDERS[service],
        text="Olá",
        subject="Oi" if mail else "",
        template=TemplateCall("novidade", "pt_BR", ("Ana", "x")) if service == "whatsapp_cloud" else None,
    )
    sent = asyncio.run(send(connection, message))
    [accepted] = sandbox.control.acceptances()
    assert sent.provider_id == accepted.provider_id
    sandbox.control.wait_until_quiet()
    sandbox.control.send_webhooks_to("")

    module = import_module(f"integrations.{service}.webhook")
    stranger = facts(sandbox, service, url, {**OUR_SECRETS[service], **dict.fromkeys(WRONG, "whsec_d3Jvbmc=")})
    events: list[MessageEvent] = []
    names = set()
    for taken in receiver.taken:
        assert (taken.headers["host"], taken.headers["x-forwarded-proto"]) == ("batuta.example", "https")
        request = as_request(taken, public)
        module.verify(request, connection)
        with pytest.raises(BadSignature):
            module.verify(request, stranger)
        names.add(module.event_id(request))
        query = dict(parse_qsl(request.query))
        events += [
            event
            for event in module.parse(taken.body, taken.headers["content-type"], query)
            if isinstance(event, MessageEvent)
        ]
    assert len(names) == len(receiver.taken)
    about = {event.kind: event for event in events if event.provider_message_id == sent.provider_id}
    read = EventKind.OPENED if mail else EventKind.READ
    expected = {EventKind.SENT, EventKind.DELIVERED} | (set() if service == "twilio" else {read})
    assert set(about) == expected
    for event in about.values():
        assert event.address == to
        assert event.reference == ("" if service == "evolution" else "7001")
        assert event.own_address == ("loja@example.com" if mail else SENDERS[service])
    [inbound] = [event for event in events if event.kind is EventKind.INBOUND]
    assert inbound.address == to
    if not mail:
        assert inbound.text == "Quero saber mais"


WRONG = ("app_secret", "webhook_token", "auth_token", "webhook_secret")
