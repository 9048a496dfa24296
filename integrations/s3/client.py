"""Files in an S3-compatible store through boto3. Its retries are off: what may be repeated is decided in `calling`.

Nothing here holds a large file in memory: reading goes in ranges, writing in parts, each a call of its own that may be repeated.
Buckets are named as `integrations.s3.buckets` declares them; the connection's prefix is put before them here.
"""

import contextlib
import itertools
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache, partial
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError, ParamValidationError
from botocore.exceptions import ConnectionError as NoConnection

from integrations.calling.calls import Calls
from integrations.errors import IntegrationError, Refused, TemporaryFailure, UnexpectedResponse
from integrations.facts import ConnectionFacts
from integrations.s3.answers import (
    SERVICE,
    Part,
    StoredObject,
    Upload,
    content_md5,
    error_of,
    etag_of,
    field_of,
    in_parts,
    missing,
    plain_filename,
    whole_etag,
)
from integrations.s3.bucket_calls import BucketCalls

PART = 32 * 1024 * 1024  # R2 wants all parts of an upload alike
MOST_PARTS = 10_000
PIECE = 8 * 1024 * 1024  # bytes of one ranged read
PAGE = 1000
MOST_PAGES = 100_000
MOST_PRESIGNED = 7 * 86_400  # seconds; the protocol's own limit
# boto3 fixes its timeouts for the life of a client, and making one costs 20 ms: one is kept for each of these, the next below is taken.
TIMEOUTS = (1.0, 5.0, 20.0, 60.0, 120.0)


_making = threading.Lock()


class S3Client(BucketCalls):
    """One store, as one pair of keys. Safe to share between threads."""

    def __init__(self, connection: ConnectionFacts) -> None:
        self._region = connection.setting("region", "us-east-1")
        self._endpoint = connection.setting("endpoint").replace("{region}", self._region)
        self._prefix = connection.settings.get("bucket_prefix", "")
        self._public = connection.settings.get("public_base_url", "").rstrip("/")
        self._keys = (connection.setting("access_key_id"), connection.secret("secret_access_key"))
        self._calls = Calls(connection, _translated)
        self._sdk(
            self._calls.policy.timeout
        )  # the first one of a process takes half a second, which no call's time should pay for

    # Objects

    def put(
        self,
        bucket: str,
        key: str,
        content: bytes,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
    ) -> StoredObject:
        """Store or replace one small file. The store refuses it when it arrives otherwise than it was sent."""
        answer = self._run(
            "put",
            "put_object",
            Bucket=self._prefix + bucket,
            Key=key,
            Body=content,
            ContentMD5=content_md5(content),
            ContentType=content_type,
            Metadata=dict(metadata or {}),
        )
        return StoredObject(bucket, key, len(content), etag_of(answer, "put"), content_type=content_type)

    def upload(
        self,
        bucket: str,
        key: str,
        pieces: Iterable[bytes],
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
        part: int = PART,
    ) -> StoredObject:
        """Store a file of any size, as it comes: in one request, or in parts of `part` bytes (at least 5 MB) when it is larger."""
        parts = in_parts(pieces, part)
        first = next(parts, b"")
        second = next(parts, None)
        if second is None:
            return self.put(bucket, key, first, content_type=content_type, metadata=metadata)
        upload = self.begin_upload(bucket, key, content_type=content_type, metadata=metadata)
        size, sent = 0, list[Part]()
        try:
            for number, content in enumerate(itertools.chain((first, second), parts), start=1):
                if number > MOST_PARTS:
                    raise Refused(SERVICE, "upload_part", "EntityTooLarge", f"more than {MOST_PARTS} parts")
                sent.append(self.upload_part(upload, number, content))
                size += len(content)
            done = self.complete_upload(upload, sent)
        except BaseException:
            self._abandon(upload)
            raise
        return StoredObject(bucket, key, size, done.etag, content_type=content_type)

    def get(self, bucket: str, key: str) -> Iterator[bytes]:
        """The content, piece by piece; a file that is replaced meanwhile is an error and not a mixture. Raises `Refused` (NoSuchKey)."""
        start, total, etag = 0, 1, ""
        while start < total:
            try:
                content, total, found = self._calls.run("get", partial(self._piece, bucket, key, start, etag))
            except Refused as error:
                if error.code == "InvalidRange" and start == 0:
                    return  # an empty file has no first byte
                raise
            etag = found
            start += len(content)
            yield content

    def head(self, bucket: str, key: str) -> StoredObject | None:
        """What is known of a file, or None when there is none."""
        try:
            answer = self._run("head", "head_object", Bucket=self._prefix + bucket, Key=key)
        except Refused as error:
            if error.code in ("404", "NoSuchKey"):
                return None
            raise
        return StoredObject(
            bucket,
            key,
            int(field_of(answer, "head", "ContentLength")),
            etag_of(answer, "head"),
            answer.get("LastModified"),
            str(answer.get("ContentType", "")),
            answer.get("Metadata") or {},
        )

    def delete(self, bucket: str, key: str) -> None:
        """Remove a file; one that is not there is removed already."""
        self._bodiless("delete", "delete_object", 204, Bucket=self._prefix + bucket, Key=key)

    def files(self, bucket: str, prefix: str = "") -> Iterator[StoredObject]:
        """The files whose key begins with `prefix`, in the order of their keys."""
        token = ""
        for _page in range(MOST_PAGES):
            more = {"ContinuationToken": token} if token else {}
            answer = self._run(
                "list",
                "list_objects_v2",
                Bucket=self._prefix + bucket,
                Prefix=prefix,
                MaxKeys=PAGE,
                **more,
            )
            goes_on = field_of(answer, "list", "IsTruncated")
            for row in answer.get("Contents") or []:
                key, size = field_of(row, "list", "Key"), int(field_of(row, "list", "Size"))
                yield StoredObject(bucket, key, size, etag_of(row, "list"), row.get("LastModified"))
            if not goes_on:
                return
            token = field_of(answer, "list", "NextContinuationToken")
        raise UnexpectedResponse(SERVICE, "list", "too_many_pages", "the list does not end")

    def copy(self, bucket: str, key: str, to_bucket: str, to_key: str) -> StoredObject:
        """Copy a file of at most 5 GB within the store."""
        answer = self._run(
            "copy",
            "copy_object",
            Bucket=self._prefix + to_bucket,
            Key=to_key,
            CopySource={"Bucket": self._prefix + bucket, "Key": key},
        )
        return StoredObject(to_bucket, to_key, -1, etag_of(answer.get("CopyObjectResult") or {}, "copy"))

    # Uploads in parts

    def begin_upload(
        self,
        bucket: str,
        key: str,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
    ) -> Upload:
        """Begin an upload in parts. One that nobody completes costs room until the rule of its bucket removes it."""
        answer = self._run(
            "begin_upload",
            "create_multipart_upload",
            Bucket=self._prefix + bucket,
            Key=key,
            ContentType=content_type,
            Metadata=dict(metadata or {}),
        )
        return Upload(bucket, key, field_of(answer, "begin_upload", "UploadId"))

    def upload_part(self, upload: Upload, number: int, content: bytes) -> Part:
        """Send part `number` (from 1); sending it again replaces it."""
        answer = self._run(
            "upload_part",
            "upload_part",
            **self._of(upload),
            PartNumber=number,
            Body=content,
            ContentMD5=content_md5(content),
        )
        return Part(number, etag_of(answer, "upload_part"))

    def complete_upload(self, upload: Upload, parts: Iterable[Part]) -> StoredObject:
        """Make the parts one file. A repetition whose first try was accepted is told that there is no such upload: then the file tells."""
        sent = list(parts)
        listed = [{"PartNumber": part.number, "ETag": part.etag} for part in sent]
        try:
            answer = self._run(
                "complete_upload", "complete_multipart_upload", **self._of(upload), MultipartUpload={"Parts": listed}
            )
        except Refused as error:
            there = self.head(upload.bucket, upload.key) if error.code == "NoSuchUpload" else None
            if there is None or there.etag != whole_etag(part.etag for part in sent):
                raise
            return there
        return StoredObject(upload.bucket, upload.key, -1, etag_of(answer, "complete_upload"))

    def abort_upload(self, upload: Upload) -> None:
        """Give up an upload and the room of its parts; one that is gone is given up already."""
        try:
            self._bodiless("abort_upload", "abort_multipart_upload", 204, **self._of(upload))
        except Refused as error:
            if error.code != "NoSuchUpload":
                raise

    def list_uploads(self, bucket: str) -> list[Upload]:
        """Uploads that have begun and are not completed; at most a thousand."""
        answer = self._run("list_uploads", "list_multipart_uploads", Bucket=self._prefix + bucket, MaxUploads=PAGE)
        field_of(answer, "list_uploads", "IsTruncated")
        return [
            Upload(bucket, field_of(row, "list_uploads", "Key"), field_of(row, "list_uploads", "UploadId"))
            for row in answer.get("Uploads") or []
        ]

    # Addresses: made here, nothing is asked

    def presigned_get(self, bucket: str, key: str, *, seconds: int, filename: str = "") -> str:
        """An address at which anybody may read the file for `seconds`, saved under `filename` if given."""
        shown = {"ResponseContentDisposition": f'attachment; filename="{plain_filename(filename)}"'} if filename else {}
        return self._presigned("get_object", seconds, Bucket=self._prefix + bucket, Key=key, **shown)

    def presigned_put(self, bucket: str, key: str, *, seconds: int, content_type: str) -> str:
        """An address to which anybody may write the file for `seconds`, with exactly this Content-Type."""
        return self._presigned("put_object", seconds, Bucket=self._prefix + bucket, Key=key, ContentType=content_type)

    def public_url(self, bucket: str, key: str) -> str:
        """Where the CDN shows a public file; the store's own address where no CDN is named."""
        base = self._public or f"{self._endpoint.rstrip('/')}/{self._prefix}{bucket}"
        return f"{base}/{key}"

    # The SDK

    def _run(self, operation: str, method: str, **given: Any) -> dict[str, Any]:
        return self._calls.run(operation, lambda seconds: self._ask(operation, method, seconds, given))

    def _bodiless(self, operation: str, method: str, status: int | tuple[int, ...], **given: Any) -> None:
        """A call whose answer says nothing but its status. A page of some proxy with a status 200 is none of the store's."""
        wanted = (status,) if isinstance(status, int) else status

        def ask(seconds: float) -> None:
            about = self._ask(operation, method, seconds, given)["ResponseMetadata"]
            if about["HTTPStatusCode"] not in wanted or "html" in about["HTTPHeaders"].get("content-type", ""):
                raise missing(operation, "status of the store")

        self._calls.run(operation, ask)

    def _ask(self, operation: str, method: str, seconds: float, given: Mapping[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = getattr(self._sdk(seconds), method)(**given)
        return answer

    def _piece(self, bucket: str, key: str, start: int, etag: str, seconds: float) -> tuple[bytes, int, str]:
        """(content, size of the whole file, etag)."""
        only = {"IfMatch": etag} if etag else {}
        answer = self._sdk(seconds).get_object(
            Bucket=self._prefix + bucket, Key=key, Range=f"bytes={start}-{start + PIECE - 1}", **only
        )
        with contextlib.closing(answer["Body"]) as body:
            total = str(field_of(answer, "get", "ContentRange")).rpartition("/")[2]
            content: bytes = body.read()
        if not total.isdecimal() or len(content) != min(PIECE, int(total) - start):
            raise missing("get", "whole piece")
        return content, int(total), etag_of(answer, "get")

    def _abandon(self, upload: Upload) -> None:
        """Free the room of an upload that failed; the bucket's rule does it where that fails too."""
        with contextlib.suppress(IntegrationError):  # the error that led here is the one to hear of
            self.abort_upload(upload)

    def _of(self, upload: Upload) -> dict[str, str]:
        return {"Bucket": self._prefix + upload.bucket, "Key": upload.key, "UploadId": upload.upload_id}

    def _presigned(self, method: str, seconds: int, **given: str) -> str:
        if not 0 < seconds <= MOST_PRESIGNED:
            raise ValueError(f"an address is good for 1 to {MOST_PRESIGNED} seconds")
        url: str = self._sdk(TIMEOUTS[-1]).generate_presigned_url(method, Params=given, ExpiresIn=seconds)
        return url

    def _sdk(self, seconds: float) -> Any:
        timeout = max((each for each in TIMEOUTS if each <= seconds + 0.1), default=TIMEOUTS[0])
        return _sdk_client(os.getpid(), self._endpoint, self._region, *self._keys, timeout)


@lru_cache(maxsize=64)
def _sdk_client(process: int, endpoint: str, region: str, key: str, secret: str, timeout: float) -> Any:
    """One client with its connections, for everybody who uses these keys in this process."""
    with _making:  # a session is not made for threads, its clients are
        return _session().create_client(
            "s3",
            region_name=region,
            endpoint_url=endpoint,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=client_config(timeout),
        )


def client_config(seconds: float) -> Config:
    """How the SDK talks: no retries, no proxies, and no checksums that stores other than AWS refuse."""
    return Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        retries={"mode": "standard", "total_max_attempts": 1},
        connect_timeout=min(10.0, seconds),
        read_timeout=seconds,
        max_pool_connections=32,
        proxies={},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        user_agent_extra="batuta",
    )


@cache
def _session() -> Any:
    """One session, so that the description of the service is read once; the machine's own AWS files and variables are not asked."""
    session = botocore.session.Session()
    session.set_config_variable("config_file", "/dev/null")
    session.set_config_variable("credentials_file", "/dev/null")
    return session


def _translated(operation: str, error: Exception) -> IntegrationError | None:
    """Our error for botocore's; None for what is no failure of the store (a broken network is named by `calling.network`)."""
    if isinstance(error, ClientError):
        about = error.response.get("ResponseMetadata", {})
        code = str(error.response.get("Error", {}).get("Code") or "")
        status = int(about.get("HTTPStatusCode", 0))
        return error_of(operation, code or f"http_{status}", status, about.get("HTTPHeaders", {}))
    if isinstance(error, IncompleteReadError):
        return TemporaryFailure(SERVICE, operation, "connection_lost", "no complete answer", accepted_possible=True)
    if isinstance(error, KeyError):  # the SDK looks for a field that the answer lacks
        return missing(operation, str(error))
    if isinstance(error, BotoCoreError) and not isinstance(
        error, HTTPClientError | NoConnection | ParamValidationError
    ):
        name = type(error).__name__
        return UnexpectedResponse(SERVICE, operation, "not_understood", name, accepted_possible=True)
    return None


def build(connection: ConnectionFacts) -> S3Client:
    """The client for one connection. Raises `NotConfigured`."""
    return S3Client(connection)
