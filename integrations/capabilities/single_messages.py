"""One message to one person that must arrive: through whatever channel works, each connection asked at most once.

Campaigns do not come here: they have the send engine (docs/decisions/0235-channels-and-accounts.md). When nobody was able to, the caller
does the last step: `send_whatsapp_first` ends with telling a person, `send_email` with trying again later under the same key
(`ChainExhausted.may_work_later`).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from integrations.capabilities.chain import Completed, Hop, run_chain
from integrations.capabilities.messages import Accepted, OutboundMessage, TemplateCall, open_channel
from integrations.errors import AddressDead, NotConfigured, Refused
from integrations.facts import ConnectionFacts
from integrations.registry import manifest_of

SenderOf = Callable[[ConnectionFacts], str]  # which of our identities writes at a connection; "" where there is none


@dataclass(frozen=True, slots=True)
class SingleMessage:
    """What is to be said to whom. `key` is the same in each try; `template` is for WhatsApp outside its 24-hour window."""

    key: str
    text: str
    phone: str = ""  # E.164
    email: str = ""
    subject: str = ""
    html: str = ""
    template: TemplateCall | None = None


def send_whatsapp_first(
    message: SingleMessage, sender_of: SenderOf, *, client_id: int | None = None
) -> Completed[Accepted]:
    """By WhatsApp, else by SMS, else by e-mail. Raises as `run_chain` does."""
    return run_chain(
        "message.whatsapp", lambda hop: _send(hop, message, sender_of), client_id=client_id, key=message.key
    )


def send_email(message: SingleMessage, sender_of: SenderOf, *, client_id: int | None = None) -> Completed[Accepted]:
    """By e-mail, through whichever mail service works. Raises as `run_chain` does, and `AddressDead` at once."""

    def ask(hop: Hop) -> Accepted:
        try:
            return _send(hop, message, sender_of)
        except Refused as error:
            if error.suppress is None:
                raise
            raise AddressDead(error.service, error.operation, error.code, error.text, suppress=error.suppress) from None

    return run_chain("message.email", ask, client_id=client_id, key=message.key)


def _send(hop: Hop, message: SingleMessage, sender_of: SenderOf) -> Accepted:
    connection = hop.connection
    is_mail = "email" in manifest_of(connection.service).channels
    to, sender = message.email if is_mail else message.phone, sender_of(connection)
    if not to or not sender:
        what = "the person has no such address" if sender else "no sender of ours writes there"
        raise NotConfigured(connection.service, "send", "address_missing" if sender else "sender_missing", what)
    template = message.template if connection.service == "whatsapp_cloud" else None
    outbound = OutboundMessage(
        reference="",
        idempotency_key=message.key,
        to=to,
        sender=sender,
        text=message.text,
        subject=message.subject if is_mail else "",
        html=message.html if is_mail else "",
        template=template,
    )
    return asyncio.run(_once(connection, outbound))


async def _once(connection: ConnectionFacts, outbound: OutboundMessage) -> Accepted:
    channel = open_channel(connection)
    try:
        return await channel.send(outbound)
    finally:
        await channel.aclose()
