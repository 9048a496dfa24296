"""Sends one message through a real client to a scripted server, and says what came out."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson

from integrations.capabilities.messages import Accepted, MessageChannel, OutboundMessage, TemplateCall, open_channel
from integrations.errors import IntegrationError
from integrations.facts import ConnectionFacts
from tests.integrations.raw_server import Behaviour, RawServer, answering, raw_server

# Service → (status, answer, id) of an accepted message.
ACCEPTED: Mapping[str, tuple[int, Any, str]] = {
    "whatsapp_cloud": (
        200,
        {
            "messaging_product": "whatsapp",
            "contacts": [{"input": "5511987654321", "wa_id": "5511987654321"}],
            "messages": [{"id": "wamid.HBgN"}],
        },
        "wamid.HBgN",
    ),
    "evolution": (
        201,
        {"key": {"remoteJid": "5511987654321@s.whatsapp.net", "fromMe": True, "id": "3EB0AB"}, "status": "PENDING"},
        "3EB0AB",
    ),
    "twilio": (201, {"sid": "SM123", "status": "queued", "error_code": None, "num_segments": "1"}, "SM123"),
    "resend": (200, {"id": "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"}, "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"),
}
SECRETS: Mapping[str, Mapping[str, str]] = {
    "whatsapp_cloud": {"access_token": "EAAB-secret", "app_secret": "app-secret", "verify_token": "verify-secret"},
    "evolution": {"api_key": "evolution-secret", "webhook_token": "hook-secret"},
    "twilio": {"auth_token": "twilio-secret"},
    "resend": {"api_key": "re_secret", "webhook_secret": "whsec_c2VjcmV0"},
}
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "whatsapp_cloud": {"business_account_id": "200000000000001"},
    "evolution": {},
    "twilio": {"account_sid": "AC0123456789abcdef0123456789abcdef"},
    "resend": {},
}
SENDERS: Mapping[str, str] = {
    "whatsapp_cloud": "100000000000001",
    "evolution": "loja",
    "twilio": "+15005550006",
    "resend": "Loja Ana <loja@example.com>",
}
WEBHOOK_URL = "https://batuta.example.com/webhooks"


def facts(service: str, base_url: str, **settings: str) -> ConnectionFacts:
    """A complete connection whose base URL is `base_url`."""
    return ConnectionFacts(
        id=1,
        service=service,
        key="public-key",
        settings={**SETTINGS[service], "base_url": base_url, **settings},
        webhook_url=f"{WEBHOOK_URL}/{service}/public-key",
        secrets=SECRETS[service],
    )


def message(
    service: str, *, to: str = "", text: str = "Olá, Ana", template: TemplateCall | None = None
) -> OutboundMessage:
    """One message that suits the service."""
    mail = service in ("resend", "smtp")
    return OutboundMessage(
        reference="4711",
        idempotency_key="job-7.contact-9.step-1",
        to=to or ("ana@example.com" if mail else "+5511987654321"),
        sender=SENDERS[service],
        text=text,
        subject="Novidades para você" if mail else "",
        html="<p>Olá, <b>Ana</b></p>" if mail else "",
        template=template,
        unsubscribe_url="https://batuta.example.com/u/token" if mail else "",
    )


async def outcome(channel: MessageChannel, outbound: OutboundMessage) -> Accepted | IntegrationError:
    """What `send` returned or raised."""
    try:
        return await channel.send(outbound)
    except IntegrationError as error:
        return error


def send(
    service: str, behaviour: Behaviour, outbound: OutboundMessage | None = None, **settings: str
) -> tuple[Accepted | IntegrationError, RawServer]:
    """Send one message to a scripted server: what came out, and what the server saw."""

    async def run() -> tuple[Accepted | IntegrationError, RawServer]:
        async with raw_server(behaviour) as server:
            channel = open_channel(facts(service, server.url, **settings))
            try:
                return await outcome(channel, outbound or message(service)), server
            finally:
                await channel.aclose()

    return asyncio.run(run())


def send_answered(
    service: str, status: int, body: object, headers: str = "", **settings: str
) -> Accepted | IntegrationError:
    """Send one message to a server that gives this JSON answer (bytes are sent as they are)."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return send(service, answering(content, f"{status} Status", headers), None, **settings)[0]
