"""Google's token endpoint, imitated, for the sandboxes of its services: assertions of a key file are verified, tokens end after an hour."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass, field
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from integrations.google.access import GRANT, LIFE
from integrations.sandbox.wire import BadBody, Request, Response, json_response

EMAIL = "batuta@sandbox.iam.gserviceaccount.com"
KEY_ID = "sandbox-key"
ACCESS_TOKEN = "ya29.sandbox"  # noqa: S105 -- guards nothing
CLOCK_SKEW = 300  # seconds
# A key that guards nothing: it signs assertions for the imitated endpoint only.
_KEY = (
    "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDZPwVwpYLgqMk9LfBAAMBmYNI8j72TPBNf0mxRIT4QOKvSYJHJ"
    "lu402SOJKJCqKYNJGEgG3mCXDgD8VainS315J4mHDz99QlNdlkr7gJsOdwQbkiM3fKIkS3RM/mT2G/6LobXNE6WBHdoAo6keISCG"
    "opHZNVtnxaoCoxgkvT9zIsNBU1+tCnm6Ad2mXpNe7kLXX0nLK7ovvYTu7ZqlmGK1/SnhF3i7GFMncxbKTtFF7Ck2xXncw39Cob9D"
    "3yTbMm6K3wJpInO0Aby90pmoMnhMsFUYz2dxNzuLlUG7CdcOmbBZMa8n/AdewjdPDYl74p78di1wSfgMMa9Pj2XA2325AgMBAAEC"
    "ggEADEAE/wKePCvYWSZPf1RrhPpdsIOMdZJ0JzmW2QZOWRzQ94ZxghQML5e07MWITsgTepovaY+9k5b7ED+GSJS1qRDFLQP7mQUV"
    "7VeNt9vbIngsl59oc/cHr5M/ph3MNKKEenwuY7eBZCP6SIHyBdxpWJ4vKjfbhSD8wrROprezLbtD/Qfv5IgXJ7i6bK5US9sI1g2p"
    "+9MG+t/MppM0VoYe577emA2uhf7fJvVp/KgAcI9AGkGgAw8k4yT/YU2BmrxZPdfCVb4x/vRLFDY0n+qKlgUfgE7pw0UhSunIUBMr"
    "ad/T0AfuOpv87JLyox2XV8sd7kJKjfypDgbLpaqhuPKw2QKBgQDvOUOH3qG5fL4lbNnU/rzpkv6nks2DHIdke6vE6TirTM3dIx7h"
    "joRqxtb5+AtJFuseXtpEcHkRDz4aIRoRe/QhaI1alzLDMvk+rmzCv9XnyZWIjBkhIIETPklfpFZ3lC30qAXuKv0jxjsOXk2tTLn9"
    "635qn2MGMQ+5+fMJnQWnTQKBgQDoezMS5hE2BGYsTHJ93o8qkhouFYXRhunSAbpgcKkvky4ZPhuaWTJ24nVSvu/yaQHlpKQC+qvm"
    "48Rz9yuJmuQb3gzJEjhOXispVqA2tFNit9eIdWhNcBCxh5W2hos61FsPWX0QGIROsDGXtErlDyg7jf2yYQK4czK+v+Q9InSyHQKB"
    "gEYSswpQl3Ta6mPSD7jJaZLNwRRa9yIJsEspwrXqTvQ2ijLVf804TudsGTqdgsjFEtgRlsPnYj8yBNHoklc+xNMoagd4NKFjBAlt"
    "VGRzhvffX5Lg3teKSuTVIO8IF1/tosyAj0QliYL6JQBfdUdnKzAK1DvtNjdxFZc3dQ6C1U4dAoGBAL2UccLQkGpvTe6D7L2N90us"
    "1uKLtJN3pEcYF6c7WAwuxmHZTuMgJ9Hgu/HdOIiCbwSYrRKs3e+r/3Ddt8g/4hKDkgOJ8xadHi9Yr8/MX09aQc3KiGLVpxdOTJ0K"
    "vJEdyKAMxrqQc5xDfD2MzaJbKODf2mlTSMenUVNR4kqkRWtVAoGBALppQI07MJemm62xSWp/s9NMnrYrbJdxDJWFpsrQ6doZsoYk"
    "AFsdbdx/ydnwAMWs3GVTs6pp8hWwABM72ZkU/p80RZhKmvJhjo/Uu9qJaxUY+Ye6e4nwnJ6aTNBKNXdxLDUQN/E9TmXM5kSbVPDU"
    "i3LpuvBiyTXapzEUtpDB9U8f"
)
_LINES = "\n".join(_KEY[start : start + 64] for start in range(0, len(_KEY), 64))
PRIVATE_KEY = f"-----BEGIN PRIVATE KEY-----\n{_LINES}\n-----END PRIVATE KEY-----\n"
KEY_FILE = orjson.dumps(
    {
        "type": "service_account",
        "project_id": "sandbox",
        "private_key_id": KEY_ID,
        "private_key": PRIVATE_KEY,
        "client_email": EMAIL,
        "token_uri": "https://oauth2.googleapis.com/token",
    }
).decode()


@dataclass(slots=True)
class GoogleTokens:
    """Tokens given out: by the key file, and the one that stands for consent."""

    scopes: frozenset[str]
    given: dict[str, float] = field(default_factory=dict)

    def allows(self, bearer: str) -> bool:
        """Whether a token is living."""
        return bearer == ACCESS_TOKEN or self.given.get(bearer, 0.0) > time.monotonic()

    def answer(self, request: Request, new: str) -> Response:
        """The answer of the token endpoint; `new` is the token given if all is well."""
        try:
            form = dict(request.form())
            if form.get("grant_type") != GRANT:
                return _refused("unsupported_grant_type", "Invalid grant_type")
            claims = _claims(form.get("assertion", ""))
        except (BadBody, InvalidSignature, ValueError, KeyError, TypeError) as error:
            return _refused("invalid_grant", f"Invalid JWT Signature. {type(error).__name__}")
        now = time.time()
        if claims["iss"] != EMAIL or not str(claims["aud"]).endswith("/token"):
            return _refused("invalid_grant", "Invalid grant: account not found")
        if not now - LIFE - CLOCK_SKEW < claims["iat"] < now + CLOCK_SKEW or claims["exp"] - claims["iat"] > LIFE:
            return _refused("invalid_grant", "Invalid JWT: Token must be a short-lived token")
        if not self.scopes <= {*str(claims["scope"]).split()}:
            return _refused("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        self.given[new] = time.monotonic() + LIFE
        return json_response(200, {"access_token": new, "expires_in": LIFE - 1, "token_type": "Bearer"})


def google_error(status: int, text: str, *, reason: str = "", name: str = "") -> Response:
    """Google's error envelope, with a reason as Drive gives it, or a name of the status as Sheets does."""
    error: dict[str, Any] = {"code": status, "message": text}
    if name:
        error["status"] = name
    if reason:
        error["errors"] = [{"domain": "global", "reason": reason, "message": text}]
    return json_response(status, {"error": error})


def _claims(assertion: str) -> dict[str, Any]:
    """What a rightly signed assertion claims. Raises InvalidSignature or ValueError."""
    head, body, signature = assertion.split(".")
    if orjson.loads(_decoded(head)).get("alg") != "RS256":
        raise ValueError("alg")
    key = serialization.load_pem_private_key(PRIVATE_KEY.encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("key")
    key.public_key().verify(_decoded(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    claims: dict[str, Any] = orjson.loads(_decoded(body))
    return claims


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _refused(code: str, text: str) -> Response:
    return json_response(400, {"error": code, "error_description": text})
