"""Sends e-mail through any SMTP server, over a small pool of open connections.

SMTP cannot be asked what it accepted and does not drop repetitions, so recovery is NONE: a connection that dies after
DATA leaves the message `unknown`. Before DATA nothing was accepted, whatever happened.
"""

import asyncio
import contextlib
import re
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from email.utils import formatdate, parseaddr

import aiosmtplib

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
from integrations.mail import address_domain, message_id, mime_message

SERVICE = "smtp"
TIMEOUT = 30.0  # seconds for connecting and for each reply
POOL_SIZE = 4
MESSAGES_PER_CONNECTION = 100  # many servers close a session about here
IDLE_SECONDS = 20.0
THROTTLED_SECONDS = 60.0

_ENHANCED = re.compile(r"^\s*([245])\.(\d{1,3})\.(\d{1,3})\b")
_TOO_FAST = re.compile(r"too many|rate limit|throttl|too fast|slow down|quota", re.IGNORECASE)
_NO_SUCH = re.compile(
    r"user unknown|unknown user|no such (user|mailbox|recipient)|does not exist|mailbox (not found|unavailable)",
    re.IGNORECASE,
)
# Enhanced status codes (RFC 3463 and its registry) that say the address itself is dead.
_BOUNCE = frozenset({"1.1", "1.2", "1.6", "1.10", "2.1"})
_INVALID = frozenset({"1.3"})
_AUTHENTICATION = frozenset({530, 534, 535, 538})


@dataclass(slots=True)
class _Session:
    """One open connection with what it was used for."""

    smtp: aiosmtplib.SMTP
    used: int = 0
    idle_since: float = 0.0

    @property
    def fresh(self) -> bool:
        """Whether nothing was sent on it yet."""
        return self.used == 0


class _Stale(Exception):
    """A pooled connection turned out to be closed before it was used: take another."""


class SmtpClient:
    """The message channel of one SMTP account."""

    recovery = Recovery.NONE
    dedupe_for = timedelta(0)

    def __init__(self, connection: ConnectionFacts, *, timeout: float = TIMEOUT) -> None:
        security = connection.setting("security", "starttls")
        if security not in ("starttls", "tls", "none"):
            raise NotConfigured(SERVICE, "connect", "setting_invalid", "security is starttls, tls or none")
        try:
            port = int(connection.setting("port", "465" if security == "tls" else "587"))
        except ValueError:
            raise NotConfigured(SERVICE, "connect", "setting_invalid", "port is a number") from None
        self._host = connection.setting("host")
        self._port = port
        self._security = security
        self._helo = connection.setting("helo_name", "localhost")
        self._username = connection.settings.get("username") or None
        self._password = connection.secret("password") if self._username else None
        self._timeout = timeout
        self._places = asyncio.Semaphore(POOL_SIZE)
        self._idle: list[_Session] = []
        self._closed = False

    async def send(self, message: OutboundMessage) -> Accepted:
        """One mail transaction. Raises `integrations.errors`. The provider id is the Message-ID without brackets."""
        sender, recipient = parseaddr(message.sender)[1], message.to
        if not _is_plain_address(recipient):
            raise Refused(SERVICE, "send", "address", "not an address", suppress=SuppressReason.INVALID_ADDRESS)
        if not _is_plain_address(sender):
            raise NotConfigured(SERVICE, "send", "sender", "the sender is not an address")
        identifier = message_id(message.idempotency_key, address_domain(message.sender))
        content = mime_message(message, message_id_header=identifier, date=formatdate())
        async with self._places:
            try:
                await self._transaction(sender, recipient, content)
            except _Stale:
                await self._transaction(sender, recipient, content, reuse=False)
        return Accepted(identifier.strip("<>"))

    async def greet(self) -> None:
        """Connect, log in, NOOP: what `account` verifies. Raises `integrations.errors`."""
        session = await self._connect("verify")
        try:
            with _translated("verify", accepted_possible=False):
                await session.smtp.noop()
        finally:
            await self._release(session, keep=False)

    async def aclose(self) -> None:
        """Say goodbye on every idle connection and close it."""
        self._closed = True
        while self._idle:
            await self._release(self._idle.pop(), keep=False)

    async def _transaction(self, sender: str, recipient: str, content: bytes, *, reuse: bool = True) -> None:
        """MAIL, RCPT, DATA on one connection, which goes back to the pool only if the server is still in step."""
        async with self._session(reuse=reuse) as session:
            with _translated("send", accepted_possible=False, stale=not session.fresh):
                await session.smtp.mail(sender)
            with _translated("send", accepted_possible=False, recipient=True):
                await session.smtp.rcpt(recipient)
            with _translated("send", accepted_possible=True):
                await session.smtp.data(content)
            session.used += 1

    @contextlib.asynccontextmanager
    async def _session(self, *, reuse: bool) -> AsyncIterator[_Session]:
        session = self._take() if reuse else None
        if session is None:
            session = await self._connect("send")
        try:
            yield session
        except IntegrationError:
            # The server answered no: it is in step after RSET. A dead connection fails the RSET and is dropped.
            keep = session.smtp.is_connected and await self._reset(session)
            await self._release(session, keep=keep)
            raise
        except BaseException:
            session.smtp.close()  # cancelled in the middle: nothing more may reach the server
            raise
        await self._release(session, keep=session.used < MESSAGES_PER_CONNECTION)

    def _take(self) -> _Session | None:
        """The most recently used idle connection that should still be open."""
        while self._idle:
            session = self._idle.pop()
            if session.smtp.is_connected and time.monotonic() - session.idle_since < IDLE_SECONDS:
                return session
            session.smtp.close()
        return None

    async def _connect(self, operation: str) -> _Session:
        smtp = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            use_tls=self._security == "tls",
            start_tls=self._security == "starttls",
            username=self._username,
            password=self._password,
            local_hostname=self._helo,
            timeout=self._timeout,
        )
        with _translated(operation, accepted_possible=False, connecting=True):
            await smtp.connect()
        return _Session(smtp)

    async def _reset(self, session: _Session) -> bool:
        try:
            await session.smtp.rset()
        except (aiosmtplib.SMTPException, OSError):
            return False
        session.used += 1
        return True

    async def _release(self, session: _Session, *, keep: bool) -> None:
        if keep and not self._closed and session.smtp.is_connected:
            session.idle_since = time.monotonic()
            self._idle.append(session)
            return
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):
            await session.smtp.quit(timeout=2.0)
        session.smtp.close()


@contextlib.contextmanager
def _translated(
    operation: str,
    *,
    accepted_possible: bool,
    recipient: bool = False,
    connecting: bool = False,
    stale: bool = False,
) -> Iterator[None]:
    """Turn aiosmtplib's errors of one step into ours."""
    try:
        yield
    except aiosmtplib.SMTPResponseException as error:
        if stale and error.code == 421:
            raise _Stale from None
        raise smtp_failure(operation, error, recipient=recipient, connecting=connecting) from None
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        if stale and isinstance(error, aiosmtplib.SMTPServerDisconnected):
            raise _Stale from None
        if isinstance(error.__cause__, ssl.SSLCertVerificationError):
            raise NotConfigured(SERVICE, operation, "certificate", str(error.__cause__)) from None
        if connecting and type(error) is aiosmtplib.SMTPException:
            raise NotConfigured(SERVICE, operation, "login", str(error)) from None
        code = "timeout" if isinstance(error, TimeoutError) else "connect" if connecting else "connection_lost"
        raise TemporaryFailure(SERVICE, operation, code, str(error), accepted_possible=accepted_possible) from None


def smtp_failure(
    operation: str, error: aiosmtplib.SMTPResponseException, *, recipient: bool, connecting: bool
) -> IntegrationError:
    """Our error for a reply of the server: 4xx may work later, 5xx never; a refused address is told by its code."""
    code, text = error.code, str(error.message)
    enhanced = _ENHANCED.match(text)
    detail = f"{enhanced[2]}.{enhanced[3]}" if enhanced else ""
    name = f"{code} {enhanced[0].strip()}" if enhanced else str(code)
    if code in _AUTHENTICATION or (isinstance(error, aiosmtplib.SMTPAuthenticationError) and code >= 500):
        return AuthenticationFailed(SERVICE, operation, name, text)
    if code < 200 or code >= 600:  # aiosmtplib's own code for a reply that is none
        return TemporaryFailure(SERVICE, operation, name, text, accepted_possible=not (recipient or connecting))
    if code < 500 or connecting:
        if _TOO_FAST.search(text):
            return RateLimited(SERVICE, operation, name, text, retry_after=THROTTLED_SECONDS)
        return TemporaryFailure(SERVICE, operation, name, text, accepted_possible=False)
    if isinstance(error, aiosmtplib.SMTPSenderRefused):
        # About us and not about the person: the next message would be refused alike.
        return AuthenticationFailed(SERVICE, operation, name, text)
    suppress = None
    if recipient and detail in _INVALID:
        suppress = SuppressReason.INVALID_ADDRESS
    elif recipient and (detail in _BOUNCE or (not detail and _NO_SUCH.search(text))):
        suppress = SuppressReason.HARD_BOUNCE
    return Refused(SERVICE, operation, name, text, suppress=suppress)


def _is_plain_address(address: str) -> bool:
    """Whether this can stand in MAIL FROM and RCPT TO: one @, printable ASCII, no spaces or brackets."""
    local, at, domain = address.rpartition("@")
    return bool(
        at and local and domain and address.isascii() and address.isprintable() and not set(address) & set(' <>,;"\\')
    )


def build(connection: ConnectionFacts) -> SmtpClient:
    """The client for one connection. Raises `NotConfigured`."""
    return SmtpClient(connection)
