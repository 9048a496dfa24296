"""What an e-mail looks like on the wire, the same for every mail service."""

import hashlib
import re
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from html.parser import HTMLParser

from integrations.capabilities.messages import OutboundMessage

_SEVEN_BIT = SMTP.clone(cte_type="7bit")  # not every server takes 8BITMIME
_PLAIN_PHRASE = re.compile(r"^[A-Za-z0-9 !#$%&'*+/=?^_`{|}~.,:;@()\[\]-]{0,200}$")
_SAFE = re.compile(r"^[A-Za-z0-9._+-]{1,128}$")


def unsubscribe_headers(url: str) -> dict[str, str]:
    """List-Unsubscribe with one click (RFC 8058), as the large mailbox providers demand of bulk mail; {} without URL."""
    if not url:
        return {}
    return {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def address_domain(mailbox: str) -> str:
    """The domain of `Name <a@b>` or `a@b`, lower case; empty when there is none."""
    return parseaddr(mailbox)[1].rpartition("@")[2].lower()


def message_id(idempotency_key: str, domain: str) -> str:
    """The Message-ID `<key@domain>`: the same for each attempt, so that receivers and people recognise a repetition.

    A key with characters that a Message-ID may not hold is replaced by its SHA-256.
    """
    safe = (
        _SAFE.match(idempotency_key) and ".." not in idempotency_key and idempotency_key.strip(".") == idempotency_key
    )
    left = idempotency_key if safe else hashlib.sha256(idempotency_key.encode()).hexdigest()
    return f"<{left}@{domain or 'localhost'}>"


def mime_message(message: OutboundMessage, *, message_id_header: str, date: str) -> bytes:
    """The complete e-mail in CRLF lines of 7-bit characters.

    The e-mail package builds the body; the header is written here, because its modern policies fold a long
    List-Unsubscribe URL into encoded words, which breaks it, and its old one lets a newline through.
    """
    body = EmailMessage(policy=_SEVEN_BIT)
    body.set_content(message.text or _text_of(message.html))
    if message.html:
        body.add_alternative(message.html, subtype="html")
    name, address = parseaddr(message.sender)
    fields = {
        "From": f"{_encoded(name)} <{_one_line(address)}>" if name else _one_line(address),
        "To": _one_line(message.to),
        "Subject": _encoded(message.subject),
        "Date": date,
        "Message-ID": message_id_header,
        "X-Batuta-Reference": _one_line(message.reference),
        **{name: _one_line(value) for name, value in unsubscribe_headers(message.unsubscribe_url).items()},
    }
    header = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return header.encode("ascii", "replace") + body.as_bytes()


def _one_line(value: str) -> str:
    """The value without anything that could start another header line."""
    return "".join(character for character in value if character.isprintable())


def _encoded(value: str) -> str:
    """A header text as RFC 2047 asks, folded; plain ASCII stays as it is."""
    line = _one_line(value)
    if line.isascii():
        return line if _PLAIN_PHRASE.match(line) else Header(line, "utf-8").encode(linesep="\r\n")
    return Header(line, "utf-8", maxlinelen=75).encode(linesep="\r\n")


def _text_of(html: str) -> str:
    """A plain text for readers without HTML: the text nodes of the HTML."""
    words = _Text()
    words.feed(html)
    words.close()
    return " ".join(" ".join(words.parts).split())


class _Text(HTMLParser):
    """Collects what a person would read."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Enter a tag whose text nobody reads."""
        self._hidden += tag in ("script", "style", "head")

    def handle_endtag(self, tag: str) -> None:
        """Leave it."""
        self._hidden -= tag in ("script", "style", "head") and self._hidden > 0

    def handle_data(self, data: str) -> None:
        """Keep a text node."""
        if not self._hidden:
            self.parts.append(data)
