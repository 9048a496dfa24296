"""Signatures of version 4, as a store checks them: in a header or, for addresses given away, in the query."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from integrations.sandbox.wire import Request

ALGORITHM = "AWS4-HMAC-SHA256"
TOLERANCE = 900  # seconds between the client's clock and the store's
MOST_EXPIRES = 7 * 86_400
UNSIGNED = "UNSIGNED-PAYLOAD"
_HEADER = re.compile(
    rf"{ALGORITHM} Credential=(?P<scope>[^,]+), ?SignedHeaders=(?P<headers>[^,]+), ?Signature=(?P<signature>\w+)"
)


class NotSigned(Exception):
    """The request is refused; the argument is the store's error code."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a request says of its signature. `scope` is key, day, region, service, and a fixed word."""

    scope: tuple[str, ...]
    headers: tuple[str, ...]
    signature: str
    moment: str
    payload: str

    @property
    def access_key(self) -> str:
        """The public half of the pair of keys."""
        return self.scope[0]


def read_signature(request: Request, payload: str = "") -> Signed | None:
    """The signature of a request, not yet checked; None when it has none. Raises NotSigned.

    `payload` is the hash of the body at services that want none in a header.
    """
    query = request.query
    if "X-Amz-Signature" in query:
        return _signed_address(query)
    written = request.headers.get("authorization", "")
    if not written:
        return None
    found = _HEADER.fullmatch(written)
    if found is None:
        raise NotSigned("AuthorizationHeaderMalformed")
    payload = payload or request.headers.get("x-amz-content-sha256", "")
    moment = request.headers.get("x-amz-date", "")
    scope = tuple(found["scope"].split("/"))
    if len(scope) != 5 or not payload:
        raise NotSigned("AuthorizationHeaderMalformed")
    if abs(time.time() - _seconds(moment)) > TOLERANCE:
        raise NotSigned("RequestTimeTooSkewed")
    return Signed(scope, tuple(found["headers"].split(";")), found["signature"], moment, payload)


def check_signature(request: Request, signed: Signed, secret: str, region: str, service: str = "s3") -> None:
    """Raises NotSigned unless the request was signed with `secret` for `region` and arrived as it was signed."""
    if signed.scope[1:] != (signed.moment[:8], region, service, "aws4_request"):
        raise NotSigned("AuthorizationHeaderMalformed")
    if "host" not in signed.headers:
        raise NotSigned("SignatureDoesNotMatch")
    canonical = "\n".join(
        (
            request.method,
            request.raw_path if service == "s3" else quote(request.raw_path, safe="/~"),  # S3 alone encodes a path once
            _canonical_query(request.query_string),
            *(f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in signed.headers),
            "",
            ";".join(signed.headers),
            signed.payload,
        )
    )
    text = "\n".join(
        (ALGORITHM, signed.moment, "/".join(signed.scope[1:]), hashlib.sha256(canonical.encode()).hexdigest())
    )
    key = f"AWS4{secret}".encode()
    for part in signed.scope[1:]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), signed.signature):
        raise NotSigned("SignatureDoesNotMatch")
    check_content(request, signed.payload)


def check_content(request: Request, payload: str) -> None:
    """Raises NotSigned when the body is not what its checksums say."""
    if payload != UNSIGNED and hashlib.sha256(request.body).hexdigest() != payload:
        raise NotSigned("XAmzContentSHA256Mismatch")
    given = request.headers.get("content-md5")
    if (
        given is not None
        and given != base64.b64encode(hashlib.md5(request.body, usedforsecurity=False).digest()).decode()
    ):
        raise NotSigned("BadDigest")
    given = request.headers.get("x-amz-checksum-crc32")
    if given is not None and given != base64.b64encode(zlib.crc32(request.body).to_bytes(4, "big")).decode():
        raise NotSigned("BadDigest")


def _signed_address(query: Mapping[str, str]) -> Signed:
    scope = tuple(query.get("X-Amz-Credential", "").split("/"))
    expires, moment = query.get("X-Amz-Expires", ""), query.get("X-Amz-Date", "")
    if len(scope) != 5 or not expires.isdecimal() or not 0 < int(expires) <= MOST_EXPIRES:
        raise NotSigned("AuthorizationQueryParametersError")
    if time.time() > _seconds(moment) + int(expires):
        raise NotSigned("AccessDenied")
    headers = tuple(query.get("X-Amz-SignedHeaders", "").split(";"))
    return Signed(scope, headers, query["X-Amz-Signature"], moment, UNSIGNED)


def _canonical_query(query_string: str) -> str:
    pairs = [piece.partition("=") for piece in query_string.split("&") if piece]
    written = sorted((_encoded(name), _encoded(value)) for name, _equals, value in pairs)
    return "&".join(f"{name}={value}" for name, value in written if name != "X-Amz-Signature")


def _encoded(text: str) -> str:
    return quote(unquote(text), safe="-_.~")


def _seconds(moment: str) -> float:
    try:
        return datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise NotSigned("AccessDenied") from None
