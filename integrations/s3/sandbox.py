"""A store that speaks S3, imitated: its XML, its signatures, its uploads in parts. Mounted at `/s3`, path style."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import unquote

from integrations.sandbox.faults import FaultKind
from integrations.sandbox.imitation import Imitation, known_fields
from integrations.sandbox.routes import Routes
from integrations.sandbox.wire import BadBody, Request, Response
from integrations.sandbox.world import World

from .sandbox_contents import (
    ERRORS,
    Failed,
    Item,
    OpenUpload,
    Store,
    check_rules,
    completed,
    document,
    error,
    item_headers,
    listed,
    md5,
    named,
    ranged,
    written_time,
)
from .sandbox_signing import NotSigned, check_content, check_signature, read_signature

LIST_PAGE = 3  # files a page at most, so that four of them need a second one; a store may always send fewer than asked
FORGETFUL = "auto"  # a store like R2: no rules of access, and an upload that is completed is unknown from then on; AWS answers as before
BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
BODILESS = frozenset(
    {"put", "head", "delete", "upload_part", "abort_upload", "create_bucket", "bucket_exists", "set_expiry"}
    | {"publish_bucket"}
)
# (method, word of the query) → operation on a bucket, on a file
ON_BUCKET = {
    ("PUT", "lifecycle"): "set_expiry",
    ("GET", "lifecycle"): "get_expiry",
    ("PUT", "policy"): "publish_bucket",
    ("GET", "uploads"): "list_uploads",
    ("GET", "list-type"): "list",
    ("PUT", ""): "create_bucket",
    ("HEAD", ""): "bucket_exists",
}
ON_FILE = {
    ("POST", "uploads"): "begin_upload",
    ("PUT", "uploadId"): "upload_part",
    ("POST", "uploadId"): "complete_upload",
    ("DELETE", "uploadId"): "abort_upload",
    ("GET", ""): "get",
    ("HEAD", ""): "head",
    ("PUT", ""): "put",
    ("DELETE", ""): "delete",
}


@dataclass(slots=True)
class Account:
    """One pair of keys, with the buckets that are there from the start."""

    name: str = "sandbox"
    access_key_id: str = "sandbox-access-key"
    secret_access_key: str = "sandbox-secret-key"  # noqa: S105 -- guards nothing
    region: str = "us-east-1"
    buckets: list[str] = field(default_factory=lambda: ["media-uploads"])


class S3Sandbox(Imitation):
    """The service."""

    slug = "s3"
    title = "S3"
    routes = Routes()

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._accounts: dict[str, Account] = {}
        self._stores: dict[str, Store] = {}
        self.open_account({})
        self.open_account({"name": "second", "access_key_id": "second-access-key", "region": "auto", "buckets": []})

    @property
    def operations(self) -> tuple[str, ...]:
        """See Imitation."""
        return (*ON_BUCKET.values(), *ON_FILE.values(), "copy")

    def match(self, request: Request, path: str) -> tuple[str, tuple[str, ...]] | None:
        """The query decides, and for copies a header."""
        bucket, _slash, key = path[1:].partition("/")
        if not bucket:
            return None
        words = request.query
        known = ON_FILE if key else ON_BUCKET
        named_word = next((word for method, word in known if word and word in words and method == request.method), "")
        operation = known.get((request.method, named_word))
        if operation is None:
            return None
        if operation == "put" and "x-amz-copy-source" in request.headers:
            operation = "copy"
        return operation, (unquote(bucket), unquote(key))

    def sender_of(self, operation: str, arguments: tuple[str, ...], request: Request) -> str:
        """The access key, so that one of two stores can fail."""
        try:
            signed = read_signature(request)
        except NotSigned:
            return ""
        return signed.access_key if signed else ""

    def supports(self, kind: FaultKind, operation: str) -> bool:
        """See Imitation; what has no body cannot break off."""
        if kind in (FaultKind.INVALID_JSON, FaultKind.CUT_BODY) and operation in BODILESS:
            return False
        return super().supports(kind, operation)

    def answer(self, operation: str, arguments: tuple[str, ...], request: Request) -> Response:
        """See Imitation."""
        bucket, key = arguments
        try:
            account = self._signed_in(operation, bucket, request)
            return self._done(operation, account, bucket, key, request)
        except (Failed, NotSigned) as refusal:
            return error(str(refusal))
        except (BadBody, ValueError):
            return error("MalformedXML")

    def _signed_in(self, operation: str, bucket: str, request: Request) -> Account:
        """Whose keys have signed; anybody may read what is public. Raises Failed, NotSigned."""
        signed = read_signature(request)
        if signed is None:
            owner = next((name for name, store in self._stores.items() if bucket in store.public), "")
            if operation not in ("get", "head") or not owner:
                raise Failed("AccessDenied")
            return self._accounts[owner]
        account = next((each for each in self._accounts.values() if each.access_key_id == signed.access_key), None)
        if account is None:
            raise Failed("InvalidAccessKeyId")
        check_signature(request, signed, account.secret_access_key, account.region)
        check_content(request, signed.payload)
        return account

    def _done(self, operation: str, account: Account, bucket: str, key: str, request: Request) -> Response:
        store = self._stores[account.name]
        match operation:
            case "put":
                return self._put(account, store, bucket, key, request)
            case "get":
                return ranged(request, store.item(bucket, key))
            case "head":
                item = store.item(bucket, key)
                return Response(200, item.content, item.content_type, item_headers(item))
            case "delete":
                if store.bucket(bucket).pop(key, None) is not None:
                    self._note(account, operation, bucket, key)
                return Response(204)
            case "list":
                return _page(store, bucket, request)
            case "copy":
                return self._copy(account, store, bucket, key, request)
            case "begin_upload" | "upload_part" | "complete_upload" | "abort_upload" | "list_uploads":
                return self._in_parts(operation, account, store, bucket, key, request)
        return self._bucket(operation, account, store, bucket, request)

    def _put(self, account: Account, store: Store, bucket: str, key: str, request: Request) -> Response:
        files = store.bucket(bucket)
        self._note(account, "put", bucket, key, request.body)
        item = Item(request.body, md5(request.body).hex(), _content_type(request), _metadata(request), self._now())
        files[key] = item
        return Response(200, b"", "", (("etag", f'"{item.etag}"'),))

    def _copy(self, account: Account, store: Store, bucket: str, key: str, request: Request) -> Response:
        from_bucket, _slash, from_key = unquote(request.headers["x-amz-copy-source"]).lstrip("/").partition("/")
        source, files = store.item(from_bucket, from_key), store.bucket(bucket)
        self._note(account, "copy", bucket, key, source.content)
        files[key] = Item(source.content, source.etag, source.content_type, dict(source.metadata), self._now())
        return document(
            "CopyObjectResult", named(LastModified=written_time(files[key].modified), ETag=f'"{source.etag}"')
        )

    def _in_parts(
        self, operation: str, account: Account, store: Store, bucket: str, key: str, request: Request
    ) -> Response:
        files = store.bucket(bucket)
        upload_id = request.query.get("uploadId", "")
        match operation:
            case "begin_upload":
                upload_id = self.world.new_id(16).hex()
                self._note(account, operation, bucket, key, provider_id=upload_id)
                store.uploads[upload_id] = OpenUpload(
                    bucket, key, _content_type(request), _metadata(request), self._now()
                )
                return document("InitiateMultipartUploadResult", named(Bucket=bucket, Key=key, UploadId=upload_id))
            case "list_uploads":
                rows = "".join(
                    f"<Upload>{named(Key=each.key, UploadId=name, Initiated=written_time(each.begun))}</Upload>"
                    for name, each in store.uploads.items()
                    if each.bucket == bucket
                )
                return document("ListMultipartUploadsResult", named(Bucket=bucket, IsTruncated="false") + rows)
        if operation == "complete_upload" and upload_id in store.completed and account.region != FORGETFUL:
            return _completed(bucket, key, store.completed[upload_id])
        upload = store.upload(bucket, key, upload_id)
        if operation == "upload_part":
            number = int(request.query.get("partNumber", "0"))
            if not 1 <= number <= 10_000:
                raise Failed("InvalidPart")
            self._note(account, operation, bucket, key, request.body, upload_id)
            upload.parts[number] = request.body
            return Response(200, b"", "", (("etag", f'"{md5(request.body).hex()}"'),))
        if operation == "abort_upload":
            self._note(account, operation, bucket, key, provider_id=upload_id)
            del store.uploads[upload_id]
            return Response(204)
        content, etag = completed(upload, request.body)
        self._note(account, operation, bucket, key, content, upload_id)
        files[key] = Item(content, etag, upload.content_type, upload.metadata, self._now())
        del store.uploads[upload_id]
        store.completed[upload_id] = etag
        return _completed(bucket, key, etag)

    def _bucket(self, operation: str, account: Account, store: Store, bucket: str, request: Request) -> Response:
        if operation == "create_bucket":
            if bucket in store.buckets:
                raise Failed("BucketAlreadyOwnedByYou")
            if not BUCKET_NAME.fullmatch(bucket):
                raise Failed("InvalidBucketName")
            self._note(account, operation, bucket)
            store.buckets[bucket] = {}
            return Response(200, b"", "", (("location", f"/{bucket}"),))
        store.bucket(bucket)
        match operation:
            case "set_expiry":
                check_rules(request.body)
                self._note(account, operation, bucket, "", request.body)
                store.rules[bucket] = request.body
                return Response(200, b"", "")
            case "get_expiry":
                if bucket not in store.rules:
                    raise Failed("NoSuchLifecycleConfiguration")
                return Response(200, store.rules[bucket], "application/xml")
            case "publish_bucket":
                if account.region == FORGETFUL:
                    raise Failed("NotImplemented")
                self._note(account, operation, bucket, "", request.body)
                store.public.add(bucket)
                return Response(204)
        return Response(200, b"", "")

    def _note(
        self, account: Account, operation: str, bucket: str, key: str = "", body: bytes = b"", provider_id: str = ""
    ) -> None:
        reference = f"{bucket}/{key}" if key else bucket
        self.world.record_write(
            self, account=account.name, operation=operation, reference=reference, body=body, provider_id=provider_id
        )

    def _now(self) -> float:
        return self.world.clock.now()

    def unknown_route(self, request: Request) -> Response:
        """See Imitation."""
        return error("MethodNotAllowed")

    def rate_limited(self, retry_after: float) -> Response:
        """A store asks for fewer requests with 503 SlowDown."""
        return error("SlowDown", (("retry-after", str(max(1, round(retry_after)))),))

    def broken(self) -> Response:
        """See Imitation."""
        return error("InternalError")

    def unavailable(self, retry_after: float) -> Response:
        """See Imitation."""
        return error("ServiceUnavailable", (("retry-after", str(round(retry_after))),) if retry_after else ())

    def refusal(self, code: str) -> Response:
        """See Imitation."""
        return error(code)

    def codes(self) -> Collection[str]:
        """See Imitation."""
        return ERRORS

    def error_in_success(self, operation: str) -> Response | None:
        """What takes long begins with 200 and may still fail."""
        if operation not in ("copy", "complete_upload"):
            return None
        failed = error("InternalError")
        return Response(200, failed.body, failed.content_type)

    def missing_scope(self, operation: str) -> Response | None:
        """See Imitation."""
        return error("AccessDenied")

    def clock_skewed(self, operation: str, request: Request, seconds: float) -> Response | None:
        """See Imitation."""
        return error("RequestTimeTooSkewed") if abs(seconds) > 900 else None

    def open_account(self, given: dict[str, Any]) -> dict[str, Any]:
        """See Imitation."""
        account = Account(**known_fields(Account, given))
        self._accounts[account.name] = account
        self._stores[account.name] = Store({name: {} for name in account.buckets})
        return asdict(account)

    def accounts(self) -> list[dict[str, Any]]:
        """See Imitation."""
        return [asdict(account) for account in self._accounts.values()]

    def clear(self) -> None:
        """See Imitation."""
        for account in self._accounts.values():
            self._stores[account.name] = Store({name: {} for name in account.buckets})


def _page(store: Store, bucket: str, request: Request) -> Response:
    query, files = request.query, store.bucket(bucket)
    prefix, after = query.get("prefix", ""), query.get("continuation-token") or query.get("start-after", "")
    rows = sorted((key, item) for key, item in files.items() if key.startswith(prefix) and key > after)
    most = min(int(query.get("max-keys", "1000")), LIST_PAGE)
    page, goes_on = rows[:most], len(rows) > most
    encoded = query.get("encoding-type") == "url"
    facts = named(Name=bucket, Prefix=prefix, KeyCount=len(page), MaxKeys=most, IsTruncated=str(goes_on).lower())
    if goes_on:
        facts += named(NextContinuationToken=page[-1][0])
    if encoded:
        facts += named(EncodingType="url")
    return document("ListBucketResult", facts + listed(page, encoded=encoded))


def _completed(bucket: str, key: str, etag: str) -> Response:
    return document("CompleteMultipartUploadResult", named(Bucket=bucket, Key=key, ETag=f'"{etag}"'))


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "binary/octet-stream")


def _metadata(request: Request) -> dict[str, str]:
    mark = "x-amz-meta-"
    return {name.removeprefix(mark): value for name, value in request.headers.items() if name.startswith(mark)}


IMITATIONS = (S3Sandbox,)
