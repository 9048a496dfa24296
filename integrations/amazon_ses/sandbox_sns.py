"""The imitated SNS: its certificate, and messages signed with it."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

NAME = f"SimpleNotificationService-{'5' * 32}.pem"
SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}


@cache
def _pair() -> tuple[RSAPrivateKey, bytes]:
    """A key of this process, and its certificate in PEM."""
    key = generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.sandbox.invalid")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(key, SHA256())
    )
    return key, certificate.public_bytes(Encoding.PEM)


def certificate() -> bytes:
    """What SigningCertURL leads to."""
    return _pair()[1]


def envelope(kind: str, topic: str, own_url: str, version: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """A message of SNS, signed. `facts` are Message and what else the kind has."""
    found = {
        "Type": kind,
        "MessageId": str(uuid.uuid4()),
        "TopicArn": topic,
        "Timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        **facts,
    }
    text = "".join(f"{name}\n{found[name]}\n" for name in SIGNED[kind] if name in found)
    algorithm = SHA256() if version == "2" else SHA1()  # noqa: S303 -- SNS's version 1
    signature = _pair()[0].sign(text.encode(), PKCS1v15(), algorithm)
    return {
        **found,
        "SignatureVersion": version,
        "Signature": base64.b64encode(signature).decode(),
        "SigningCertURL": f"{own_url}/sns/{NAME}",
    }
