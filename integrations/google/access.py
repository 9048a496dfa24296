"""Access tokens: of a service account's key file, or granted by consent (`integrations.oauth`), which is renewed elsewhere.

The key file's assertion is signed and exchanged here, without google-auth, whose session starts a thread that asks a further host for the
account's regions, sleeps between its own attempts, and repeats requests by itself (docs/decisions/0223-google-tokens.md).
"""

import base64
import binascii
import hashlib
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from integrations.errors import AuthenticationFailed, NotConfigured, RateLimited, TemporaryFailure, UnexpectedResponse
from integrations.facts import ConnectionFacts
from integrations.http import HttpResponse, SyncHttpClient

TOKEN_BASE_URL = "https://oauth2.googleapis.com"  # noqa: S105 -- an address
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFE = 3600  # seconds that an assertion asks for; Google grants no more
LEAST_LEFT = 120.0  # seconds; a token with less left is replaced
KEY_FILE = "service_account"
TOKEN = "access_token"  # noqa: S105 -- the name of a setting

_tokens: dict[str, tuple[str, float]] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Account:
    """A service account of a key file."""

    email: str
    key_id: str
    key: rsa.RSAPrivateKey


class GoogleAccess:
    """Tokens for one connection and the scopes of its service. Safe to share between threads."""

    def __init__(self, connection: ConnectionFacts, scopes: Sequence[str]) -> None:
        """Raises `NotConfigured` when there is neither a usable key file nor consent."""
        self._service = connection.service
        self._scopes = " ".join(scopes)
        self._granted = connection.secrets.get(TOKEN, "")
        self._base_url = connection.setting("token_base_url", TOKEN_BASE_URL).rstrip("/")
        self._subject = connection.settings.get("subject", "")
        written = connection.secrets.get(KEY_FILE, "")
        self._account = _account(self._service, written) if written else None
        if self._account is None and not self._granted:
            text = "connect by consent, or give the key file of a service account"
            raise NotConfigured(self._service, "connect", "secret_missing", text)
        parts = (written, self._scopes, self._base_url, self._subject)
        self._name = hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def token(self, operation: str, seconds: float) -> str:
        """A living token. Errors say "surely not accepted": the operation itself was not asked yet."""
        if self._account is None:
            return self._granted
        with _lock:
            known, ends = _tokens.get(self._name, ("", 0.0))
        if known and ends - time.monotonic() > LEAST_LEFT:
            return known
        token, life = self._fetched(self._account, operation, seconds)
        with _lock:
            _tokens[self._name] = token, time.monotonic() + life
        return token

    def forget(self) -> None:
        """Google refused the token: the next call gets a new one."""
        with _lock:
            _tokens.pop(self._name, None)

    def _fetched(self, account: Account, operation: str, seconds: float) -> tuple[str, float]:
        form = {"grant_type": GRANT, "assertion": self._assertion(account)}
        try:
            with SyncHttpClient(self._base_url, service=self._service, timeout=seconds) as client:
                answer = client.request("POST", "/token", operation=operation, form=form)
        except TemporaryFailure as error:
            raise TemporaryFailure(
                error.service, operation, f"token_{error.code}", error.text, accepted_possible=False
            ) from None
        _refuse(answer)
        found = answer.json_object()
        token, life = found.get("access_token"), found.get("expires_in")
        if not isinstance(token, str) or not token or not isinstance(life, int):
            raise UnexpectedResponse(self._service, operation, "token_missing", "the answer holds no access token")
        return token, float(life)

    def _assertion(self, account: Account) -> str:
        now = int(time.time())
        claims = {
            "iss": account.email,
            "scope": self._scopes,
            "aud": f"{self._base_url}/token",
            "iat": now,
            "exp": now + LIFE,
        }
        if self._subject:
            claims["sub"] = self._subject
        head = {"alg": "RS256", "typ": "JWT", "kid": account.key_id}
        signed = f"{_base64(orjson.dumps(head))}.{_base64(orjson.dumps(claims))}"
        return f"{signed}.{_base64(account.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _account(service: str, written: str) -> Account:
    """The account of a key file. Raises `NotConfigured`."""
    try:
        content: Mapping[str, Any] = orjson.loads(written)
        key = serialization.load_pem_private_key(str(content["private_key"]).encode(), None)
        email, key_id = str(content["client_email"]), str(content.get("private_key_id", ""))
    except (ValueError, KeyError, TypeError, UnsupportedAlgorithm, binascii.Error):
        raise NotConfigured(service, "connect", "key_file_invalid", "the key file cannot be used") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise NotConfigured(service, "connect", "key_file_invalid", "the key file holds no RSA key")
    return Account(email, key_id, key)


def _refuse(answer: HttpResponse) -> None:
    """Raise what an error of the token endpoint means (RFC 6749, section 5.2)."""
    if answer.ok:
        return
    service, operation = answer.service, answer.operation
    if answer.status == 429:
        raise RateLimited(service, operation, "token_http_429", retry_after=answer.retry_after(30.0))
    if answer.status >= 500:
        raise TemporaryFailure(service, operation, f"token_http_{answer.status}", accepted_possible=False)
    found = answer.json_object()
    code = found.get("error")
    if not isinstance(code, str):
        raise UnexpectedResponse(service, operation, f"token_http_{answer.status}", "the answer is not Google's")
    raise AuthenticationFailed(service, operation, code, str(found.get("error_description", "")))


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
