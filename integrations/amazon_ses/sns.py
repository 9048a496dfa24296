"""Messages of Amazon SNS: which addresses are Amazon's, what is signed, and the certificates that it is signed with."""

import asyncio
import base64
import binascii
import re
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import load_pem_x509_certificate

from integrations.errors import IntegrationError, TemporaryFailure
from integrations.facts import ConnectionFacts
from integrations.http import HttpClient, SyncHttpClient
from integrations.webhooks.reading import json_mapping, text
from integrations.webhooks.request import UnreadablePayload

SERVICE = "amazon_ses"
SECONDS = 3.0  # for a certificate: the provider waits for our answer
CONFIRM_SECONDS = 10.0
KEPT = 20
KEPT_SECONDS = 24 * 3600.0
MOST_FETCHES = 10  # a minute: nobody makes the door ask Amazon without end
MAX_CERTIFICATE = 16 * 1024  # bytes

_HOST = re.compile(r"sns\.[a-z]{2}(?:-[a-z]+){1,3}-\d{1,2}\.amazonaws\.com(?:\.cn)?")
_CERTIFICATE = re.compile(r"(?:/[a-z_]+/sns)?/SimpleNotificationService-[0-9a-f]{32}\.pem")
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
CONFIRMATIONS = frozenset({"SubscriptionConfirmation", "UnsubscribeConfirmation"})

_keys: OrderedDict[str, tuple[float, RSAPublicKey]] = OrderedDict()
_fetches: list[float] = []
_waiting: dict[str, "asyncio.Task[None]"] = {}


def is_amazons(url: str, connection: ConnectionFacts) -> bool:
    """Whether an address in a message is SNS's own (or the sandbox's, for a connection to the sandbox)."""
    try:
        parts = urlsplit(url)
        plain = parts.username is None and parts.password is None
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if plain and parts.scheme == "https" and port in (None, 443) and _HOST.fullmatch(host):
        return True
    own = urlsplit(connection.settings.get("base_url") or "")
    if not plain or not own.hostname or own.hostname.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return False
    return (parts.scheme, parts.netloc) == (own.scheme, own.netloc)


def is_certificate(url: str, connection: ConnectionFacts) -> bool:
    """Whether this can be the address of one of SNS's certificates."""
    return is_amazons(url, connection) and _CERTIFICATE.fullmatch(urlsplit(url).path) is not None


def canonical(message: Mapping[str, Any]) -> bytes:
    """What is signed: names and values on lines of their own, in SNS's order; a missing subject is left out."""
    names = _CONFIRMATION if message.get("Type") in CONFIRMATIONS else _NOTIFICATION
    return "".join(f"{name}\n{message[name]}\n" for name in names if isinstance(message.get(name), str)).encode()


def is_genuine(message: Mapping[str, Any], key: RSAPublicKey) -> bool:
    """Whether the signature is that of the certificate's owner: version 1 with SHA-1, version 2 with SHA-256."""
    algorithms: Mapping[object, SHA1 | SHA256] = {"1": SHA1(), "2": SHA256()}  # noqa: S303 -- SNS's version 1
    algorithm = algorithms.get(message.get("SignatureVersion"))
    if algorithm is None:
        return False
    try:
        signature = base64.b64decode(str(message.get("Signature") or ""), validate=True)
        key.verify(signature, canonical(message), PKCS1v15(), algorithm)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def known_key(url: str) -> RSAPublicKey | None:
    """The key of a certificate that `fetch_key` has brought within a day."""
    found = _keys.get(url)
    return found[1] if found is not None and time.monotonic() - found[0] < KEPT_SECONDS else None


async def fetch_key(url: str) -> None:
    """Get a certificate that is not known yet, once for all who wait for it. The caller has checked the address.

    Raises `TemporaryFailure`.
    """
    if known_key(url) is not None:
        return
    task = _waiting.get(url)
    if task is None or task.get_loop() is not asyncio.get_running_loop():
        task = _waiting[url] = asyncio.get_running_loop().create_task(_fetch(url))
        task.add_done_callback(lambda done: _waiting.pop(url, None))
    await asyncio.shield(task)


async def _fetch(url: str) -> None:
    now = time.monotonic()
    _fetches[:] = [each for each in _fetches if now - each < 60.0]
    if len(_fetches) >= MOST_FETCHES:
        raise TemporaryFailure(SERVICE, "certificate", "too_many", "too many certificates", accepted_possible=False)
    _fetches.append(now)
    parts = urlsplit(url)
    async with HttpClient(
        f"{parts.scheme}://{parts.netloc}", service=SERVICE, timeout=SECONDS, max_response_bytes=MAX_CERTIFICATE
    ) as http:
        try:
            response = await http.request("GET", parts.path, operation="certificate")
            key = load_pem_x509_certificate(response.body).public_key() if response.ok else None
        except (IntegrationError, ValueError):
            key = None
    if not isinstance(key, RSAPublicKey):
        raise TemporaryFailure(SERVICE, "certificate", "unreadable", "no certificate there", accepted_possible=False)
    _keys[url] = (time.monotonic(), key)
    while len(_keys) > KEPT:
        _keys.popitem(last=False)


def confirm(body: bytes, connection: ConnectionFacts) -> None:
    """Visit the SubscribeURL of a confirmation, which must be SNS's own. Raises `UnreadablePayload`, `integrations.errors`."""
    url = text(json_mapping(body), "SubscribeURL")
    if not is_amazons(url, connection):
        raise UnreadablePayload("SubscribeURL is not Amazon's")
    base, _, query = url.partition("?")
    with SyncHttpClient(base, service=SERVICE, timeout=CONFIRM_SECONDS) as http:
        response = http.request("GET", f"?{query}", operation="confirm_subscription")
    if not response.ok:
        raise response.surprise("the subscription was not confirmed")


def forget_keys() -> None:
    """As if nothing had been fetched, for tests."""
    _keys.clear()
    _fetches.clear()
