"""The SMTP client: what is sent, what each reply means, and that nothing is sent twice."""

import asyncio
import contextlib
import email
import email.policy
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from integrations.capabilities.messages import Accepted, OutboundMessage, Recovery
from integrations.errors import (
    AuthenticationFailed,
    IntegrationError,
    NotConfigured,
    RateLimited,
    Refused,
    SuppressReason,
    TemporaryFailure,
)
from integrations.facts import ConnectionFacts
from integrations.health import HealthState
from integrations.mail import message_id
from integrations.smtp.client import SmtpClient
from integrations.smtp.health import check
from tests.integrations.raw_server import Exchange, raw_server

CUT = "cut"
HANG = "hang"
MESSAGE = OutboundMessage(
    reference="4711",
    idempotency_key="job-7.contact-9.step-1",
    to="ana@example.com",
    sender="Loja São João <loja@shop.example.com>",
    text="Olá, Ana\n.\nfim",
    subject="Promoção de fim de ano para você e para toda a sua família, com frete grátis até domingo",
    html="<p>Olá, <b>Ana</b></p>",
    unsubscribe_url="https://batuta.example.com/u/" + "t0ken" * 40,
)


@dataclass
class Script:
    """Replies of the server by command; each list is used up from the left, its last stays."""

    replies: dict[str, list[str]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)
    connections: int = 0

    def reply(self, command: str) -> str:
        known = self.replies.get(command, [])
        return (known.pop(0) if len(known) > 1 else known[0]) if known else ""

    async def play(self, exchange: Exchange) -> None:
        self.connections += 1
        if not await self._say(exchange, self.reply("GREETING") or "220 mail.example.com"):
            return
        while line := (await exchange.reader.readline()).decode().strip():
            command = line.split(" ")[0].upper()
            self.seen.append(line)
            default = "250-mail.example.com\r\n250 AUTH PLAIN" if command == "EHLO" else "250 ok"
            default = {"AUTH": "235 ok", "QUIT": "221 bye", "DATA": "354 go on"}.get(command, default)
            if not await self._say(exchange, self.reply(command) or default):
                return
            if command == "DATA" and not self.seen_refused_data:
                self.mails.append(await exchange.reader.readuntil(b"\r\n.\r\n"))
                if not await self._say(exchange, self.reply("MAIL_TEXT") or "250 queued"):
                    return
            if command == "QUIT":
                return

    seen_refused_data = False

    async def _say(self, exchange: Exchange, reply: str) -> bool:
        if reply == CUT:
            exchange.reset()
            return False
        if reply == HANG:
            await asyncio.sleep(10)
        self.seen_refused_data = reply.startswith(("4", "5"))
        await exchange.write(reply.encode() + b"\r\n")
        return True


@contextlib.asynccontextmanager
async def served(script: Script, *, seconds: float = 0.5, **settings: str) -> AsyncIterator[SmtpClient]:
    async with raw_server(script.play) as server:
        client = SmtpClient(connection(server.port, **settings), timeout=seconds)
        try:
            yield client
        finally:
            await client.aclose()


def connection(number: int, **settings: str) -> ConnectionFacts:
    chosen = {"host": "127.0.0.1", "port": str(number), "security": "none", **settings}
    return ConnectionFacts(id=1, service="smtp", key="k", settings=chosen, secrets={"password": "mail-secret"})


def run(script: Script, *outbound: OutboundMessage, **settings: str) -> list[Accepted | IntegrationError]:
    """Send messages one after the other: what came out of each."""

    async def main() -> list[Accepted | IntegrationError]:
        found: list[Accepted | IntegrationError] = []
        async with served(script, seconds=0.5, **settings) as client:
            for each in outbound or (MESSAGE,):
                try:
                    found.append(await client.send(each))
                except IntegrationError as error:
                    found.append(error)
        return found

    return asyncio.run(main())


def described(result: Accepted | IntegrationError) -> tuple[Any, ...]:
    match result:
        case Accepted():
            return ("accepted", result.provider_id)
        case RateLimited():
            return ("limited", result.code, result.retry_after, result.accepted_possible)
        case TemporaryFailure():
            return ("temporary", result.code, result.accepted_possible)
        case Refused():
            return ("refused", result.code, result.suppress)
    return (type(result).__name__, result.code)


def test_what_is_sent() -> None:
    script = Script()
    assert run(script) == [Accepted("job-7.contact-9.step-1@shop.example.com")]
    assert script.seen == [
        "EHLO localhost",
        "MAIL FROM:<loja@shop.example.com>",
        "RCPT TO:<ana@example.com>",
        "DATA",
        "QUIT",
    ]
    (raw,) = script.mails
    assert all(len(line) <= 998 and line.isascii() for line in raw.split(b"\r\n"))
    assert f"List-Unsubscribe: <{MESSAGE.unsubscribe_url}>\r\n".encode() in raw
    unstuffed = raw.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
    mail = email.message_from_bytes(unstuffed, policy=email.policy.default)
    assert mail["Message-ID"] == "<job-7.contact-9.step-1@shop.example.com>"
    assert mail["From"] == "Loja São João <loja@shop.example.com>"
    assert (mail["To"], mail["Subject"]) == ("ana@example.com", MESSAGE.subject)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["X-Batuta-Reference"] == "4711"
    assert mail["Date"] and mail["MIME-Version"] == "1.0"
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None and plain.get_content().splitlines() == ["Olá, Ana", ".", "fim"]
    assert html is not None and html.get_content().strip() == "<p>Olá, <b>Ana</b></p>"


def test_html_alone_gets_a_plain_text() -> None:
    script = Script()
    run(script, replace(MESSAGE, text="", html="<style>x{}</style><h1>Olá</h1><p>Ana &amp; Bia</p>"))
    mail = email.message_from_bytes(script.mails[0], policy=email.policy.default)
    plain = mail.get_body(("plain",))
    assert plain is not None and plain.get_content().strip() == "Olá Ana & Bia"


def test_no_value_can_add_a_header_or_a_command() -> None:
    script = Script()
    evil = replace(
        MESSAGE,
        subject="Oi\r\nBcc: victim@example.com",
        sender="Loja\r\nBcc: x <loja@example.com>",
        reference="1\r\nX-Evil: 1",
        unsubscribe_url="https://x/\r\nX-Evil: 1",
    )
    run(script, evil)
    mail = email.message_from_bytes(script.mails[0], policy=email.policy.default)
    assert mail["Bcc"] is None and mail["X-Evil"] is None
    script = Script()
    for address in ("a@b.com>\r\nRCPT TO:<c@d.com", "a b@c.com", "ana", "@x.com", "josé@example.com", ""):
        (result,) = run(script, replace(MESSAGE, to=address))
        assert described(result) == ("refused", "address", SuppressReason.INVALID_ADDRESS)
    assert script.connections == 0


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        ({"RCPT": ["550 5.1.1 user unknown"]}, ("refused", "550 5.1.1", SuppressReason.HARD_BOUNCE)),
        ({"RCPT": ["550 5.1.10 null mx"]}, ("refused", "550 5.1.10", SuppressReason.HARD_BOUNCE)),
        ({"RCPT": ["550 no such user here"]}, ("refused", "550", SuppressReason.HARD_BOUNCE)),
        ({"RCPT": ["501 5.1.3 bad address"]}, ("refused", "501 5.1.3", SuppressReason.INVALID_ADDRESS)),
        ({"RCPT": ["550 5.7.1 blocked, user unknown to us"]}, ("refused", "550 5.7.1", None)),
        ({"RCPT": ["554 relay access denied"]}, ("refused", "554", None)),
        ({"RCPT": ["552 5.2.2 mailbox full"]}, ("refused", "552 5.2.2", None)),
        ({"RCPT": ["450 4.7.1 greylisted, try again"]}, ("temporary", "450 4.7.1", False)),
        ({"RCPT": ["451 4.7.0 too many messages"]}, ("limited", "451 4.7.0", 60.0, False)),
        ({"MAIL": ["550 5.7.1 not your address"]}, ("AuthenticationFailed", "550 5.7.1")),
        ({"MAIL": ["530 5.7.0 log in first"]}, ("AuthenticationFailed", "530 5.7.0")),
        ({"MAIL": ["421 4.3.2 closing"]}, ("temporary", "421 4.3.2", False)),
        ({"DATA": ["451 4.3.0 later"]}, ("temporary", "451 4.3.0", False)),
        ({"MAIL_TEXT": ["554 5.7.1 spam"]}, ("refused", "554 5.7.1", None)),
        ({"MAIL_TEXT": ["452 4.3.1 disk full"]}, ("temporary", "452 4.3.1", False)),
        ({"GREETING": ["554 no service"]}, ("temporary", "554", False)),
        ({"GREETING": [CUT]}, ("temporary", "connect", False)),
        ({"GREETING": [HANG]}, ("temporary", "timeout", False)),
        ({"MAIL": [CUT]}, ("temporary", "connection_lost", False)),
        ({"RCPT": [CUT]}, ("temporary", "connection_lost", False)),
        ({"RCPT": [HANG]}, ("temporary", "timeout", False)),
        ({"MAIL_TEXT": [CUT]}, ("temporary", "connection_lost", True)),
        ({"MAIL_TEXT": [HANG]}, ("temporary", "timeout", True)),
        ({"MAIL_TEXT": ["nonsense"]}, ("temporary", "-1", True)),
    ],
    ids=str,
)
def test_replies(replies: dict[str, list[str]], expected: tuple[Any, ...]) -> None:
    script = Script(replies)
    (result,) = run(script)
    assert described(result) == expected
    assert script.connections == 1
    assert len(script.mails) == (1 if "MAIL_TEXT" in replies else 0)


def test_a_refused_connection_was_surely_not_accepted() -> None:
    async def main() -> None:
        async with raw_server(Script().play) as server:
            port = server.port
        await SmtpClient(connection(port)).send(MESSAGE)

    with pytest.raises(TemporaryFailure) as caught:
        asyncio.run(main())
    assert described(caught.value) == ("temporary", "connect", False)


def test_logging_in() -> None:
    script = Script()
    (result,) = run(script, username="ana")
    assert isinstance(result, Accepted)
    assert script.seen[1].startswith("AUTH PLAIN ")
    (result,) = run(Script({"AUTH": ["535 5.7.8 wrong: mail-secret"]}), username="ana")
    assert described(result) == ("AuthenticationFailed", "535 5.7.8")
    (result,) = run(Script({"AUTH": ["454 4.7.0 later"]}), username="ana")
    assert described(result) == ("temporary", "454 4.7.0", False)
    (result,) = run(Script({"EHLO": ["250 no auth here"]}), username="ana")
    assert described(result) == ("NotConfigured", "login")


def test_a_server_without_tls_gets_nothing_when_tls_is_demanded() -> None:
    script = Script()
    (result,) = run(script, security="starttls", username="ana")
    assert type(result) is NotConfigured
    assert script.mails == [] and not any(line.startswith(("AUTH", "MAIL")) for line in script.seen)


def test_one_connection_serves_many_messages_and_survives_a_refusal() -> None:
    script = Script({"RCPT": ["250 ok", "550 5.1.1 unknown", "250 ok"]})
    first, second, third = run(script, *[replace(MESSAGE, idempotency_key=f"k{n}") for n in range(3)])
    assert isinstance(first, Accepted) and isinstance(second, Refused) and isinstance(third, Accepted)
    assert (script.connections, len(script.mails), script.seen.count("RSET")) == (1, 2, 1)


@pytest.mark.parametrize("stale", [CUT, "421 4.4.2 idle too long"])
def test_a_stale_connection_is_replaced_before_anything_was_sent(stale: str) -> None:
    script = Script({"MAIL": ["250 ok", stale, "250 ok"]})
    results = run(script, MESSAGE, replace(MESSAGE, idempotency_key="second"))
    assert [type(result) for result in results] == [Accepted, Accepted]
    assert (script.connections, len(script.mails)) == (2, 2)


def test_a_dead_connection_after_data_is_not_tried_again() -> None:
    script = Script({"MAIL_TEXT": ["250 ok", CUT, "250 ok"]})
    first, second, third = run(script, *[replace(MESSAGE, idempotency_key=f"k{n}") for n in range(3)])
    assert isinstance(first, Accepted) and isinstance(third, Accepted)
    assert described(second) == ("temporary", "connection_lost", True)
    assert (script.connections, len(script.mails)) == (2, 3)


def test_the_pool_is_small_and_all_messages_arrive_once() -> None:
    script = Script()

    async def main() -> None:
        async with served(script, seconds=5) as client:
            outbound = [replace(MESSAGE, idempotency_key=f"k{n}") for n in range(40)]
            results = await asyncio.gather(*(client.send(each) for each in outbound))
        assert [result.provider_id for result in results] == [f"k{n}@shop.example.com" for n in range(40)]

    asyncio.run(main())
    assert script.connections == 4
    identifiers = [email.message_from_bytes(mail)["Message-ID"] for mail in script.mails]
    assert sorted(identifiers) == sorted(f"<k{n}@shop.example.com>" for n in range(40))


def test_a_cancelled_send_leaves_no_half_open_mail() -> None:
    script = Script({"RCPT": [HANG]})

    async def main() -> None:
        async with served(script, seconds=5) as client:
            task = asyncio.create_task(client.send(MESSAGE))
            while "RCPT TO:<ana@example.com>" not in script.seen:
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert script.mails == []


@pytest.mark.parametrize(
    ("settings", "code"),
    [({"security": "maybe"}, "setting_invalid"), ({"port": "x"}, "setting_invalid"), ({"host": ""}, "setting_missing")],
)
def test_settings_that_make_no_sense(settings: dict[str, str], code: str) -> None:
    with pytest.raises(NotConfigured) as caught:
        SmtpClient(connection(25, **settings))
    assert caught.value.code == code
    assert SmtpClient.recovery is Recovery.NONE


def test_message_ids() -> None:
    assert message_id("job-7.contact-9", "example.com") == "<job-7.contact-9@example.com>"
    odd = message_id("job 7/contact@9\r\n", "example.com")
    assert odd == message_id("job 7/contact@9\r\n", "example.com") and len(odd) == 64 + len("<@example.com>")
    assert message_id("a", "") == "<a@localhost>"


def asked(script: Script, **settings: str) -> HealthState:
    async def main() -> HealthState:
        async with raw_server(script.play) as server:
            return (await check(connection(server.port, **settings))).state

    return asyncio.run(main())


def test_health() -> None:
    assert asked(Script()) is HealthState.OK
    assert asked(Script(), username="ana") is HealthState.DEGRADED
    assert asked(Script({"AUTH": ["535 no"]}), username="ana") is HealthState.FAILED
    assert asked(Script({"GREETING": [CUT]})) is HealthState.FAILED


def test_authentication_errors_show_no_password() -> None:
    (result,) = run(Script({"AUTH": ["535 wrong password=mail-secret"]}), username="ana")
    assert isinstance(result, AuthenticationFailed)
    assert "mail-secret" not in str(result)
