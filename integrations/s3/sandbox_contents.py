"""What an imitated store holds, and its answers in XML."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from urllib.parse import quote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from integrations.sandbox.wire import BadBody, Request, Response

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
SMALLEST_PART = 5 * 1024 * 1024

# code → (status, sentence)
ERRORS: Mapping[str, tuple[int, str]] = {
    "AccessDenied": (403, "Access Denied"),
    "AuthorizationHeaderMalformed": (400, "The authorization header is malformed."),
    "AuthorizationQueryParametersError": (400, "Query-string authentication needs its parameters."),
    "BadDigest": (400, "The Content-MD5 or checksum value that you specified did not match what the server received."),
    "BucketAlreadyExists": (409, "The requested bucket name is not available."),
    "BucketAlreadyOwnedByYou": (409, "The bucket that you tried to create already exists, and you own it."),
    "EntityTooLarge": (400, "Your proposed upload exceeds the maximum allowed object size."),
    "EntityTooSmall": (400, "Your proposed upload is smaller than the minimum allowed object size."),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "InvalidAccessKeyId": (403, "The AWS access key ID that you provided does not exist in our records."),
    "InvalidBucketName": (400, "The specified bucket is not valid."),
    "InvalidPart": (400, "One or more of the specified parts could not be found."),
    "InvalidPartOrder": (400, "The list of parts was not in ascending order."),
    "InvalidRange": (416, "The requested range cannot be satisfied."),
    "MalformedXML": (
        400,
        "The XML that you provided was not well formed or did not validate against our published schema.",
    ),
    "MethodNotAllowed": (405, "The specified method is not allowed against this resource."),
    "NoSuchBucket": (404, "The specified bucket does not exist"),
    "NoSuchKey": (404, "The specified key does not exist."),
    "NoSuchLifecycleConfiguration": (404, "The lifecycle configuration does not exist"),
    "NoSuchUpload": (404, "The specified multipart upload does not exist."),
    "NotImplemented": (501, "A header that you provided implies functionality that is not implemented."),
    "OperationAborted": (409, "A conflicting conditional operation is currently in progress against this resource."),
    "PreconditionFailed": (412, "At least one of the preconditions that you specified did not hold."),
    "RequestTimeTooSkewed": (403, "The difference between the request time and the server's time is too large."),
    "ServiceUnavailable": (503, "Service is unable to handle request."),
    "SignatureDoesNotMatch": (
        403,
        "The request signature that the server calculated does not match the signature that you provided.",
    ),
    "SlowDown": (503, "Please reduce your request rate."),
    "XAmzContentSHA256Mismatch": (400, "The provided x-amz-content-sha256 header does not match what was computed."),
}


class Failed(Exception):
    """The request is refused; the argument is the error code."""


@dataclass(slots=True)
class Item:
    """One file."""

    content: bytes
    etag: str
    content_type: str
    metadata: dict[str, str]
    modified: float


@dataclass(slots=True)
class OpenUpload:
    """An upload in parts: number → content."""

    bucket: str
    key: str
    content_type: str
    metadata: dict[str, str]
    begun: float
    parts: dict[int, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class Store:
    """What one account keeps."""

    buckets: dict[str, dict[str, Item]] = field(default_factory=dict)
    rules: dict[str, bytes] = field(default_factory=dict)
    public: set[str] = field(default_factory=set)
    uploads: dict[str, OpenUpload] = field(default_factory=dict)
    completed: dict[str, str] = field(default_factory=dict)  # upload → tag of the file

    def bucket(self, name: str) -> dict[str, Item]:
        """The files of a bucket. Raises Failed."""
        if name not in self.buckets:
            raise Failed("NoSuchBucket")
        return self.buckets[name]

    def item(self, bucket: str, key: str) -> Item:
        """One file. Raises Failed."""
        if key not in self.bucket(bucket):
            raise Failed("NoSuchKey")
        return self.buckets[bucket][key]

    def upload(self, bucket: str, key: str, upload_id: str) -> OpenUpload:
        """One open upload. Raises Failed."""
        found = self.uploads.get(upload_id)
        if found is None or (found.bucket, found.key) != (bucket, key):
            raise Failed("NoSuchUpload")
        return found


def error(code: str, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """The store's answer with an error."""
    status, sentence = ERRORS[code]
    content = f"<Error><Code>{code}</Code><Message>{escape(sentence)}</Message><RequestId>SANDBOX</RequestId></Error>"
    return Response(status, _declared(content), "application/xml", headers)


def document(root: str, content: str, status: int = 200) -> Response:
    """An answer in XML."""
    return Response(status, _declared(f'<{root} xmlns="{NAMESPACE}">{content}</{root}>'), "application/xml")


def named(**fields: object) -> str:
    """Elements with text."""
    return "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in fields.items())


def listed(rows: Iterable[tuple[str, Item]], *, encoded: bool) -> str:
    """The files of a list."""
    return "".join(
        "<Contents>"
        + named(
            Key=quote(key, safe="/") if encoded else key,
            LastModified=written_time(item.modified),
            ETag=f'"{item.etag}"',
            Size=len(item.content),
            StorageClass="STANDARD",
        )
        + "</Contents>"
        for key, item in rows
    )


def item_headers(item: Item) -> tuple[tuple[str, str], ...]:
    """What the head of an answer says of a file."""
    return (
        ("etag", f'"{item.etag}"'),
        ("last-modified", formatdate(item.modified, usegmt=True)),
        ("accept-ranges", "bytes"),
        *((f"x-amz-meta-{name}", value) for name, value in item.metadata.items()),
    )


def ranged(request: Request, item: Item) -> Response:
    """The file or the range of it that was asked for. Raises Failed."""
    wanted, headers, total = request.headers.get("range", ""), item_headers(item), len(item.content)
    if shown := request.query.get("response-content-disposition"):
        headers = (*headers, ("content-disposition", shown))
    if request.headers.get("if-match", item.etag).strip('"') != item.etag:
        raise Failed("PreconditionFailed")
    if not wanted.startswith("bytes="):
        return Response(200, item.content, item.content_type, headers)
    first, _dash, last = wanted.removeprefix("bytes=").partition("-")
    start, end = int(first), min(int(last or total), total - 1)
    if start >= total:
        raise Failed("InvalidRange")
    headers = (*headers, ("content-range", f"bytes {start}-{end}/{total}"))
    return Response(206, item.content[start : end + 1], item.content_type, headers)


def completed(upload: OpenUpload, body: bytes) -> tuple[bytes, str]:
    """The content of a whole upload and its tag. Raises Failed."""
    wanted = [(int(_text(part, "PartNumber")), _text(part, "ETag").strip('"')) for part in _parsed(body)]
    if not wanted:
        raise Failed("MalformedXML")
    if [number for number, _tag in wanted] != sorted({number for number, _tag in wanted}):
        raise Failed("InvalidPartOrder")
    tags = []
    for number, tag in wanted:
        if number not in upload.parts or md5(upload.parts[number]).hex() != tag:
            raise Failed("InvalidPart")
        if number != wanted[-1][0] and len(upload.parts[number]) < SMALLEST_PART:
            raise Failed("EntityTooSmall")
        tags.append(md5(upload.parts[number]))
    return b"".join(upload.parts[number] for number, _tag in wanted), f"{md5(b''.join(tags)).hex()}-{len(tags)}"


def check_rules(body: bytes) -> None:
    """Raises Failed when rules of a bucket are none."""
    rules = _parsed(body)
    if not rules or any(_text(rule, "Status") not in ("Enabled", "Disabled") for rule in rules):
        raise Failed("MalformedXML")


def md5(content: bytes) -> bytes:
    """The digest that tags are made of."""
    return hashlib.md5(content, usedforsecurity=False).digest()


def written_time(at: float) -> str:
    """A time as lists write it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _declared(content: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{content}'.encode()


def _parsed(body: bytes) -> list[ElementTree.Element]:
    try:
        return list(ElementTree.fromstring(body))  # noqa: S314 -- from this machine's own client
    except ElementTree.ParseError as problem:
        raise BadBody(str(problem)) from problem


def _text(element: ElementTree.Element, name: str) -> str:
    return next((child.text or "" for child in element if child.tag.rpartition("}")[2] == name), "")
