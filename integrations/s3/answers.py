"""What a store's answers mean, and how content is cut for it; free of the SDK."""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from integrations.errors import (
    AuthenticationFailed,
    IntegrationError,
    RateLimited,
    Refused,
    TemporaryFailure,
    UnexpectedResponse,
)

SERVICE = "s3"
DEFAULT_WAIT = 5.0  # seconds, when a store asks for fewer requests and names no time

_ACCOUNT = frozenset(
    {"AccessDenied", "AccountProblem", "AllAccessDisabled", "AuthorizationHeaderMalformed", "ExpiredToken"}
    | {"InvalidAccessKeyId", "InvalidSecurity", "InvalidToken", "NotSignedUp", "RequestTimeTooSkewed"}
    | {"SignatureDoesNotMatch", "Unauthorized", "401", "403"}
)
_SLOWER = frozenset({"RequestLimitExceeded", "SlowDown", "Throttling", "TooManyRequests"})
# The request was looked at and not carried out, and the next try may be luckier.
_AGAIN = frozenset({"BadDigest", "ConcurrentModification", "IncompleteBody", "OperationAborted", "RequestTimeout"})


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A file in a bucket. `size` is -1 where the answer does not say; `etag` changes with the content and is no checksum everywhere."""

    bucket: str
    key: str
    size: int
    etag: str
    modified: datetime | None = None
    content_type: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload in parts that has begun."""

    bucket: str
    key: str
    upload_id: str


@dataclass(frozen=True, slots=True)
class Part:
    """One accepted part of an upload."""

    number: int
    etag: str


def error_of(operation: str, code: str, status: int, headers: Mapping[str, str]) -> IntegrationError:
    """Our error for the store's. An answer to HEAD has no body: its code is the status."""
    if status == 500 and "html" in headers.get("content-type", ""):  # what the SDK makes of a page with status 200
        return UnexpectedResponse(SERVICE, operation, "not_xml", "the answer is a page", accepted_possible=True)
    if code in _SLOWER or status == 429 or code == "503":  # without a body nobody can tell slowness from an outage
        return RateLimited(SERVICE, operation, code, "", retry_after=_seconds(headers.get("retry-after")))
    if code in _AGAIN:
        return TemporaryFailure(SERVICE, operation, code, "", accepted_possible=False)
    if code in _ACCOUNT:
        return AuthenticationFailed(SERVICE, operation, code)
    if status == 501:
        return Refused(SERVICE, operation, code)
    if status >= 500:
        return TemporaryFailure(SERVICE, operation, code, "", accepted_possible=True)
    if status < 300:  # the SDK found an error, and no code that anybody knows
        return UnexpectedResponse(SERVICE, operation, code, "", accepted_possible=True)
    return Refused(SERVICE, operation, code)


def field_of(answer: Mapping[str, Any], operation: str, name: str) -> Any:
    """A field that the documentation promises. Raises `UnexpectedResponse`."""
    found = answer.get(name)
    if found is None or found == "":
        raise missing(operation, name)
    return found


def etag_of(answer: Mapping[str, Any], operation: str) -> str:
    """The tag of the content, without its quotation marks. Raises `UnexpectedResponse`."""
    return str(field_of(answer, operation, "ETag")).strip('"')


def missing(operation: str, what: str) -> UnexpectedResponse:
    """The error for an answer without `what`."""
    return UnexpectedResponse(SERVICE, operation, "field_missing", f"the answer has no {what}", accepted_possible=True)


def in_parts(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in parts of exactly `size`, the last one perhaps shorter; none when there is nothing."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)


def whole_etag(tags: Iterable[str]) -> str:
    """The tag that a store gives a file made of parts with these tags."""
    parts = [bytes.fromhex(tag) for tag in tags if len(tag) == 32]
    return f"{hashlib.md5(b''.join(parts), usedforsecurity=False).hexdigest()}-{len(parts)}"


def content_md5(content: bytes) -> str:
    """The value of Content-MD5: the store refuses what arrives otherwise than it was sent."""
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def plain_filename(filename: str) -> str:
    """The name as it may stand in a header between quotation marks."""
    return "".join(
        letter if letter.isascii() and letter.isprintable() and letter not in '"\\' else "_" for letter in filename
    )


def _seconds(value: str | None) -> float:
    try:
        return float(value or DEFAULT_WAIT)
    except ValueError:
        return DEFAULT_WAIT
