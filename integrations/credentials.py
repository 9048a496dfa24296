"""Credentials that are more than a text: key files in JSON and certificates. Read, checked, put into one form, and what they say of themselves.

A certificate is kept as PEM (private key without password, certificate, chain), because it lies encrypted in the connection anyway.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from integrations.manifest import Setting, SettingKind

MOST_BYTES = 64 * 1024
PEM = b"-----BEGIN "

LACKS = gettext_noop("The file lacks the certificate or its private key.")

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class UnusableCredential(ValueError):
    """What was given is not such a credential. `code` is for programs, the text says to a person what to do."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


@dataclass(frozen=True, slots=True)
class Credential:
    """`stored` is what is sealed; `facts` is what may be shown: kind, subject, `expires_at` in ISO 8601."""

    stored: str
    facts: Mapping[str, str]


def read_credential(item: Setting, value: str, password: str = "") -> Credential:
    """A JSON secret or a certificate (PEM, or PKCS#12 or PEM in Base64) as it is stored. Raises `UnusableCredential`."""
    if len(value) > MOST_BYTES * 2:
        raise UnusableCredential("too_large", _("This file is too large."))
    return _read_json(item, value) if item.kind is SettingKind.JSON else _read_certificate(value, password)


def _read_json(item: Setting, value: str) -> Credential:
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        raise UnusableCredential("json_invalid", _("This is not JSON; paste the whole file.")) from None
    if not isinstance(found, dict):
        raise UnusableCredential("json_invalid", _("This is not the key file that was expected."))
    missing = [key for key in item.json_keys if not found.get(key)]
    if missing:
        text = _("The key file lacks %(names)s.") % {"names": ", ".join(missing)}
        raise UnusableCredential("json_incomplete", text)
    shown = {key: str(found[key])[:200] for key in item.shown_keys if found.get(key)}
    return Credential(orjson.dumps(found).decode(), {"kind": SettingKind.JSON.value, **shown})


def _read_certificate(value: str, password: str) -> Credential:
    content, secret = _bytes_of(value), password.encode() or None
    key, certificate, chain = _from_pem(content, secret) if PEM in content else _from_pkcs12(content, secret)
    if key.public_key() != certificate.public_key():
        raise UnusableCredential("key_mismatch", _("The private key does not belong to the certificate."))
    now = datetime.now(UTC)
    if certificate.not_valid_after_utc <= now:
        raise UnusableCredential("certificate_expired", _("The certificate has expired; ask for a new one."))
    parts = [
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        *(each.public_bytes(serialization.Encoding.PEM) for each in (certificate, *chain)),
    ]
    facts = {
        "kind": SettingKind.CERTIFICATE.value,
        "subject": _name(certificate.subject),
        "issuer": _name(certificate.issuer),
        "serial": format(certificate.serial_number, "x"),
        "expires_at": certificate.not_valid_after_utc.isoformat(),
    }
    return Credential(b"".join(parts).decode(), facts)


def _bytes_of(value: str) -> bytes:
    if value.lstrip().startswith(PEM.decode()):
        return value.strip().encode()
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        raise UnusableCredential("certificate_invalid", _("This is neither a PKCS#12 nor a PEM file.")) from None


def _from_pkcs12(content: bytes, password: bytes | None) -> tuple[Key, x509.Certificate, list[x509.Certificate]]:
    try:
        key, certificate, chain = pkcs12.load_key_and_certificates(content, password)
    except ValueError:
        text = _("The file cannot be opened: it is no PKCS#12 file, or the password is wrong.")
        raise UnusableCredential("certificate_unreadable", text) from None
    if certificate is None:
        raise UnusableCredential("key_missing", _(LACKS))
    return _usable(key), certificate, chain


def _from_pem(content: bytes, password: bytes | None) -> tuple[Key, x509.Certificate, list[x509.Certificate]]:
    begins = _key_begins(content)
    try:
        certificate, *chain = x509.load_pem_x509_certificates(content)
        key = serialization.load_pem_private_key(content[begins:], password)
    except TypeError:  # a password for a key that has none, or none for one that has
        if password is not None:
            return _from_pem(content, None)
        raise UnusableCredential("certificate_unreadable", _("The private key has a password; enter it too.")) from None
    except ValueError:
        text = _("The file lacks the certificate or its private key, or the password is wrong.")
        raise UnusableCredential("certificate_unreadable", text) from None
    return _usable(key), certificate, chain


def _usable(key: object) -> Key:
    """The key, of a kind that certificates of services have."""
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise UnusableCredential("key_missing", _(LACKS))
    return key


def _key_begins(content: bytes) -> int:
    for kind in (b"PRIVATE KEY-----", b"RSA PRIVATE KEY-----", b"EC PRIVATE KEY-----", b"ENCRYPTED PRIVATE KEY-----"):
        found = content.find(PEM + kind)
        if found >= 0:
            return found
    raise UnusableCredential("key_missing", _(LACKS))


def _name(name: x509.Name) -> str:
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value)[:200] if common else name.rfc4514_string()[:200]
