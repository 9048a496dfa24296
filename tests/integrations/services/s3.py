"""S3."""

from integrations.errors import AuthenticationFailed, RateLimited, Refused, TemporaryFailure
from integrations.s3.answers import Part, StoredObject, Upload
from integrations.s3.client import S3Client
from tests.integrations.services.cases import Case, Contract, connection, equals

SETTINGS = {"access_key_id": "sandbox-access-key", "region": "us-east-1"}
SECRETS = {"secret_access_key": "sandbox-secret-key"}
UPLOADS = "media-uploads"
TEXT = b"Padaria Aurora"


def stored(client: S3Client, key: str = "a/b c+ção.txt") -> StoredObject:
    """Store a file whose key needs encoding."""
    return client.put(UPLOADS, key, TEXT, content_type="text/plain", metadata={"client": "aurora"})


def read(client: S3Client) -> bytes:
    """Store, then read."""
    stored(client)
    return b"".join(client.get(UPLOADS, "a/b c+ção.txt"))


def known(found: StoredObject | None) -> None:
    assert found is not None
    assert (found.size, found.metadata) == (len(TEXT), {"client": "aurora"})
    assert found.content_type.startswith("text/plain")
    assert found.modified is not None


def put(found: StoredObject) -> None:
    assert (found.key, found.size, len(found.etag)) == ("a/b c+ção.txt", len(TEXT), 32)


def removed(client: S3Client) -> tuple[bool, bool]:
    """Whether a file is there before and after it is deleted, and whether deleting nothing is fine."""
    stored(client)
    before = client.head(UPLOADS, "a/b c+ção.txt") is not None
    client.delete(UPLOADS, "a/b c+ção.txt")
    client.delete(UPLOADS, "nothing")
    return before, client.head(UPLOADS, "a/b c+ção.txt") is not None


def listed(client: S3Client) -> list[str]:
    """Four files are two pages here."""
    for number in range(4):
        stored(client, f"list/{number} á.txt")
    stored(client, "other")
    return [each.key for each in client.files(UPLOADS, "list/")]


def copied(client: S3Client) -> tuple[bytes, bool]:
    """A copy has the same content and tag."""
    first = stored(client, "from á")
    copy = client.copy(UPLOADS, "from á", UPLOADS, "to")
    return b"".join(client.get(UPLOADS, "to")), copy.etag == first.etag


def begun(client: S3Client) -> Upload:
    return client.begin_upload(UPLOADS, "large", content_type="video/mp4")


def begun_well(upload: Upload) -> None:
    assert (upload.bucket, upload.key) == (UPLOADS, "large")
    assert len(upload.upload_id) == 32


def part(client: S3Client) -> Part:
    return client.upload_part(begun(client), 1, TEXT)


def part_well(found: Part) -> None:
    assert (found.number, len(found.etag)) == (1, 32)


def whole(client: S3Client) -> tuple[bytes, str]:
    """An upload of one part."""
    upload = begun(client)
    done = client.complete_upload(upload, [client.upload_part(upload, 1, TEXT)])
    return b"".join(client.get(UPLOADS, "large")), done.etag[-2:]


def given_up(client: S3Client) -> bool:
    """Whether an upload is open that was given up twice."""
    upload = begun(client)
    client.abort_upload(upload)
    client.abort_upload(upload)
    return upload in client.list_uploads(UPLOADS)


def open_uploads(client: S3Client) -> bool:
    return begun(client) in client.list_uploads(UPLOADS)


def made(client: S3Client) -> tuple[bool, bool]:
    """A bucket is made once, however often one asks."""
    client.create_bucket("exports")
    client.create_bucket("exports")
    return client.bucket_exists("exports"), client.bucket_exists("nothing-here")


def expiring(client: S3Client) -> int:
    client.set_expiry(UPLOADS, 7)
    return client.get_expiry(UPLOADS)


def published(client: S3Client) -> None:
    client.publish_bucket(UPLOADS)


CONTRACT = Contract(
    slug="s3",
    connect=lambda sandbox: connection("s3", sandbox, SECRETS, **SETTINGS),
    refused_operation="put",
    refusals={
        "NoSuchBucket": Refused,
        "EntityTooLarge": Refused,
        "AccessDenied": AuthenticationFailed,
        "InvalidAccessKeyId": AuthenticationFailed,
        "SignatureDoesNotMatch": AuthenticationFailed,
        "RequestTimeTooSkewed": AuthenticationFailed,
        "BadDigest": TemporaryFailure,
        "OperationAborted": TemporaryFailure,
        "InternalError": TemporaryFailure,
        "SlowDown": RateLimited,
    },
    cases=(
        Case("put", stored, put, required=("@etag",)),
        Case("get", read, equals(TEXT), required=("@content-range", "@etag"), writes=1),
        Case(
            "head",
            lambda client: client.head(UPLOADS, stored(client).key),
            known,
            required=("@etag",),
            writes=1,
        ),
        Case(
            "delete",
            removed,
            equals((True, False)),
            nothing_required="the answer is a status without a body",
            writes=2,
        ),
        Case(
            "list",
            listed,
            equals(["list/0 á.txt", "list/1 á.txt", "list/2 á.txt", "list/3 á.txt"]),
            required=(
                "IsTruncated",
                "NextContinuationToken",
                "Contents[].Key",
                "Contents[].Size",
                "Contents[].ETag",
            ),
            writes=5,
        ),
        Case("copy", copied, equals((TEXT, True)), required=("ETag",), writes=2),
        Case("begin_upload", begun, begun_well, required=("UploadId",)),
        Case("upload_part", part, part_well, required=("@etag",), writes=2),
        Case("complete_upload", whole, equals((TEXT, "-1")), required=("ETag",), writes=3),
        Case(
            "abort_upload",
            given_up,
            equals(False),
            nothing_required="the answer is a status without a body",
            writes=2,
        ),
        Case(
            "list_uploads",
            open_uploads,
            equals(True),
            required=("IsTruncated", "Upload.Key", "Upload.UploadId"),
            writes=1,
        ),
        Case("create_bucket", made, equals((True, False)), nothing_required="the answer is a status without a body"),
        Case(
            "bucket_exists",
            lambda client: (client.bucket_exists(UPLOADS), client.bucket_exists("nothing-here")),
            equals((True, False)),
            nothing_required="the answer is a status without a body",
            is_live=True,
        ),
        Case("set_expiry", expiring, equals(7), nothing_required="the answer is a status without a body", writes=1),
        Case("get_expiry", expiring, equals(7), required=("Rule", "Rule.Expiration.Days"), writes=1),
        Case(
            "publish_bucket",
            published,
            equals(None),
            nothing_required="the answer is a status without a body",
        ),
        Case(
            "health",
            lambda client: client.is_prepared(),
            equals(True),
            wire="bucket_exists",
            nothing_required="the answer is a status without a body",
            is_live=True,
        ),
    ),
)
