"""A mail server, imitated: takes e-mail over SMTP, refuses like a real one, and its people click "unsubscribe".

Written on asyncio streams (docs/decisions/0121): a fault may strike between any two lines.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import re
from collections.abc import Collection
from dataclasses import asdict, dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from integrations.sandbox.behaviour import FailureCode, Journey, Step
from integrations.sandbox.faults import WEBHOOK_KINDS, FaultKind
from integrations.sandbox.imitation import ControlRefused, MessagingImitation, known_fields
from integrations.sandbox.mailbox import unsubscribe_webhook, wants_out
from integrations.sandbox.phones import SandboxMessage
from integrations.sandbox.routes import Routes
from integrations.sandbox.wire import Request, Response, json_response
from integrations.sandbox.world import World

MAX_MESSAGE_BYTES = 10 * 1024 * 1024
MAX_LINE_BYTES = 64 * 1024
IDLE_SECONDS = 300.0
BOUNCES = {
    "5.1.1": "550 5.1.1 The email account that you tried to reach does not exist",
    "5.2.2": "552 5.2.2 The mailbox is full",
    "5.7.1": "550 5.7.1 Message rejected under local policy",
}
KINDS = WEBHOOK_KINDS | frozenset(
    {
        FaultKind.RATE_LIMIT,
        FaultKind.SERVER_ERROR,
        FaultKind.REFUSE,
        FaultKind.CUT_BEFORE,
        FaultKind.LATENCY,
        FaultKind.CUT_AFTER,
        FaultKind.HANG_AFTER,
        FaultKind.SERVER_ERROR_AFTER,
        FaultKind.HANG_BEFORE,
    }
)
GREETING_KINDS = frozenset({FaultKind.RATE_LIMIT, FaultKind.SERVER_ERROR, FaultKind.CUT_BEFORE, FaultKind.CUT_AFTER})
_PATH = re.compile(r"(?:FROM|TO):\s*<([^<>\s]*)>(.*)", re.IGNORECASE)


@dataclass(slots=True)
class Mailbox:
    """The account that clients log in with."""

    username: str = "sandbox"
    password: str = "sandbox-password"  # noqa: S105 -- guards nothing
    login_required: bool = True


@dataclass(slots=True)
class _Envelope:
    """One mail transaction. `fate` is the fault that decides it, if any."""

    sender: str
    recipients: list[str]
    fate: FaultKind | None = None
    seconds: float = 0.0


class SmtpSandbox(MessagingImitation):
    """The service. It has no HTTP routes; its port is its own."""

    slug = "smtp"
    title = "SMTP"
    routes = Routes()
    failure_codes: tuple[FailureCode, ...] = (
        FailureCode("5.1.1", 0.8),
        FailureCode("5.2.2", 0.1),
        FailureCode("5.7.1", 0.1),
    )

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._mailbox = Mailbox()
        self._server: asyncio.Server | None = None
        self._sessions: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        settings = self.world.settings
        self._server = await asyncio.start_server(self._serve, settings.host, settings.smtp_port, limit=MAX_LINE_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut every session."""
        if self._server is not None:
            self._server.close()
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    # What has no meaning for SMTP answers "no such thing"

    @property
    def operations(self) -> tuple[str, ...]:
        """Messages, and logging in with a NOOP."""
        return ("send", "verify")

    def supports(self, kind: FaultKind, operation: str) -> bool:
        """See Imitation; what is said in HTTP makes no sense here."""
        return kind in (KINDS if operation == "send" else GREETING_KINDS)

    def address(self, host: str) -> str:
        """Host and port of the mail server."""
        return f"smtp://{host.rpartition(':')[0]}:{self.port}"

    def codes(self) -> Collection[str]:
        """Enhanced status codes."""
        return BOUNCES

    def answer(self, operation: str, arguments: tuple[str, ...], request: Request) -> Response:
        """Not asked over HTTP."""
        return self.unknown_route(request)

    def unknown_route(self, request: Request) -> Response:
        """Say where the server is."""
        return json_response(404, {"error": f"SMTP is spoken on port {self.port}"})

    def rate_limited(self, retry_after: float) -> Response:
        """Not asked over HTTP."""
        return json_response(429, {})

    def broken(self) -> Response:
        """Not asked over HTTP."""
        return json_response(500, {})

    def refusal(self, code: str) -> Response:
        """Not asked over HTTP."""
        return json_response(400, {"error": code})

    def open_account(self, given: dict[str, Any]) -> dict[str, Any]:
        """Change the login."""
        self._mailbox = Mailbox(**known_fields(Mailbox, given))
        return self.accounts()[0]

    def accounts(self) -> list[dict[str, Any]]:
        """See Imitation."""
        return [{**asdict(self._mailbox), "port": self.port}]

    def report(self, message: SandboxMessage, step: Step) -> None:
        """SMTP reports nothing after acceptance."""

    def write(self, account: str, address: str, text: str, about: SandboxMessage | None = None) -> str:
        """There is no inbound mail here."""
        raise ControlRefused("nobody can write back by SMTP here; use the resend service for inbound mail")

    def react(self, message: SandboxMessage, words: str) -> None:
        """The person leaves the list by one click if they want to and the e-mail offers it."""
        url = wants_out(words, message.wire)
        if url:
            self.world.phones.note(message.to, self.world.clock.now(), self.slug, message.account, "unsubscribed")
            self.world.count(f"unsubscribed.{self.slug}")
            self.world.postman.post(unsubscribe_webhook(self.slug, message.sender, url))

    # SMTP

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = asyncio.current_task()
        if session is not None:
            self._sessions.add(session)
            session.add_done_callback(self._sessions.discard)
        try:
            await self._converse(reader, writer)
        except (OSError, EOFError, TimeoutError, ValueError):
            writer.transport.abort()
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        say = _Speaker(writer)
        await say("220 sandbox.invalid ESMTP not real")
        logged_in = not self._mailbox.login_required
        envelope: _Envelope | None = None
        while True:
            line = await _line(reader)
            verb, _, rest = line.partition(" ")
            match verb.upper():
                case "EHLO":
                    await say("250-sandbox.invalid", "250-PIPELINING", f"250-SIZE {MAX_MESSAGE_BYTES}", "250-8BITMIME",
                              "250-AUTH PLAIN LOGIN", "250-ENHANCEDSTATUSCODES", "250 SMTPUTF8")  # fmt: skip
                case "HELO":
                    await say("250 sandbox.invalid")
                case "AUTH":
                    logged_in = await self._log_in(rest, reader, say)
                    await say("235 2.7.0 Authentication successful" if logged_in else "535 5.7.8 Bad credentials")
                case "MAIL" if not logged_in:
                    await say("530 5.7.0 Authentication required")
                case "MAIL":
                    found = _PATH.match(rest)
                    envelope = _Envelope(found[1], []) if found else None
                    await say("250 2.1.0 Ok" if found else "501 5.5.4 Syntax: MAIL FROM:<address>")
                case "RCPT" if envelope is not None:
                    await say(self._recipient(envelope, rest))
                case "DATA" if envelope is not None and envelope.recipients:
                    await say("354 End with <CR><LF>.<CR><LF>")
                    if not await self._take(envelope, await _content(reader), say):
                        writer.transport.abort()
                        return
                    envelope = None
                case "RSET":
                    envelope = None
                    await say("250 2.0.0 Ok")
                case "NOOP":
                    await say(self._noop())
                case "QUIT":
                    await say("221 2.0.0 Bye")
                    return
                case "RCPT" | "DATA":
                    await say("503 5.5.1 Bad sequence of commands")
                case _:
                    await say("502 5.5.2 Command not recognized")

    def _noop(self) -> str:
        """The reply to NOOP, which is how a client verifies the server. Raises EOFError to cut the connection."""
        for fault in self.world.faults.strike_request(self.slug, "verify", "", self.supports):
            self.world.count(f"fault.{fault.kind.value}")
            if fault.kind is FaultKind.RATE_LIMIT:
                return "421 4.7.1 Too many connections, slow down"
            if fault.kind is FaultKind.SERVER_ERROR:
                return "451 4.3.0 Internal error, try again later"
            raise EOFError
        return "250 2.0.0 Ok"

    async def _log_in(self, rest: str, reader: asyncio.StreamReader, say: _Speaker) -> bool:
        mechanism, _, initial = rest.partition(" ")
        try:
            if mechanism.upper() == "PLAIN":
                if not initial:
                    await say("334 ")
                    initial = await _line(reader)
                _, user, password = base64.b64decode(initial).decode().split("\0")
            elif mechanism.upper() == "LOGIN":
                if not initial:
                    await say("334 VXNlcm5hbWU6")
                    initial = await _line(reader)
                await say("334 UGFzc3dvcmQ6")
                user, password = base64.b64decode(initial).decode(), base64.b64decode(await _line(reader)).decode()
            else:
                return False
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return False
        known = f"{self._mailbox.username}\0{self._mailbox.password}"
        return hmac.compare_digest(known.encode(), f"{user}\0{password}".encode())

    def _recipient(self, envelope: _Envelope, rest: str) -> str:
        """The reply to RCPT; the faults of this message are thrown here."""
        found = _PATH.match(rest)
        if found is None or "@" not in found[1]:
            return "501 5.1.3 Bad recipient address syntax"
        address = found[1].lower()
        for fault in self.world.faults.strike_request(self.slug, "send", envelope.sender, self.supports):
            self.world.count(f"fault.{fault.kind.value}")
            if fault.kind is FaultKind.LATENCY:
                envelope.seconds += fault.seconds
            elif fault.kind is FaultKind.RATE_LIMIT:
                return "451 4.7.1 Too many messages, slow down"
            elif fault.kind is FaultKind.REFUSE:
                return BOUNCES.get(fault.code, f"550 {fault.code} Refused")
            else:
                envelope.fate = fault.kind
                envelope.seconds += fault.seconds
        journey = self._journey(address)
        if journey.code:
            return BOUNCES.get(journey.code, f"550 {journey.code} Refused")
        envelope.recipients.append(address)
        return "250 2.1.5 Ok"

    async def _take(self, envelope: _Envelope, content: bytes, say: _Speaker) -> bool:
        """Accept (or not) what DATA brought; False = cut the connection."""
        if len(content) > MAX_MESSAGE_BYTES:
            await say("552 5.3.4 Message size exceeds fixed limit")
            return True
        if envelope.fate is FaultKind.SERVER_ERROR:
            await say("451 4.3.0 Internal error, try again later")
            return True
        if envelope.fate in (FaultKind.CUT_BEFORE, FaultKind.HANG_BEFORE):
            await asyncio.sleep(envelope.seconds)
            return False
        try:
            queue_id = self._accept(envelope, content)
        except OSError:
            await say("452 4.3.1 Insufficient system storage")
            return True
        if envelope.fate in (None, FaultKind.SERVER_ERROR_AFTER):
            if envelope.seconds:
                await asyncio.sleep(envelope.seconds)
            await say(
                "451 4.3.0 Internal error, try again later" if envelope.fate else f"250 2.0.0 Ok: queued as {queue_id}"
            )
            return True
        if envelope.fate is FaultKind.HANG_AFTER:
            await asyncio.sleep(envelope.seconds)
        return False

    def _accept(self, envelope: _Envelope, content: bytes) -> str:
        message = message_from_bytes(content, policy=policy.default)
        headers = {name.lower(): str(value) for name, value in message.items() if name.lower().startswith("list-")}
        message_id = str(message.get("message-id", "")).strip("<> ")
        queue_id = self.world.new_id(6).hex().upper()
        for number, recipient in enumerate(envelope.recipients):
            self.world.accept(
                self,
                account=self._mailbox.username,
                sender=envelope.sender,
                to=recipient,
                provider_id=(message_id or queue_id) + (f"#{number}" if number else ""),
                request_body=content,
                text=_readable(message),
                subject=str(message.get("subject", "")),
                reference=str(message.get("x-batuta-reference", "")),
                idempotency_key=message_id,
                wire=headers,
                journey=self._journey(recipient),
            )
        return queue_id

    def _journey(self, address: str) -> Journey:
        return self.world.behaviour.journey(self.slug, address, self.failure_codes)


class _Speaker:
    """Writes reply lines."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def __call__(self, *lines: str) -> None:
        """Send them and wait until the other side keeps up."""
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self._writer.drain()


async def _line(reader: asyncio.StreamReader) -> str:
    """One command line without its end. Raises EOFError, TimeoutError."""
    async with asyncio.timeout(IDLE_SECONDS):
        line = await reader.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    return line.decode("utf-8", "replace").rstrip("\r\n")


async def _content(reader: asyncio.StreamReader) -> bytes:
    """What follows DATA, with the dots of transparency taken away. Raises EOFError, TimeoutError."""
    lines: list[bytes] = []
    size = 0
    async with asyncio.timeout(IDLE_SECONDS):
        while True:
            line = await reader.readline()
            if not line.endswith(b"\n"):
                raise EOFError
            if line in (b".\r\n", b".\n"):
                return b"".join(lines)
            size += len(line)
            if size <= MAX_MESSAGE_BYTES + 1:
                lines.append(line[1:] if line.startswith(b".") else line)


def _readable(message: EmailMessage) -> str:
    """The text of an e-mail for the phone and the log."""
    part = message.get_body(("plain", "html"))
    if part is None:
        return ""
    try:
        return str(part.get_content()).replace("\r\n", "\n")
    except (LookupError, ValueError):
        return ""


IMITATIONS = (SmtpSandbox,)
