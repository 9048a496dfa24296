"""Object storage beyond single calls: large files, addresses given away, signatures, the buckets, Django's files, the vendor's samples."""

import http.client
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSResponse
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.core.management.base import CommandError

from integrations.connections import facts_of, seal_secrets
from integrations.errors import AuthenticationFailed, Refused, TemporaryFailure
from integrations.facts import ConnectionFacts
from integrations.models import Connection
from integrations.s3 import client as s3
from integrations.s3.buckets import BUCKETS
from integrations.s3.client import S3Client, build
from integrations.s3.files import MediaFiles
from integrations.sandbox.runner import RunningSandbox
from tests.integrations.services.cases import connection

pytestmark = pytest.mark.django_db

SAMPLES = Path(__file__).parents[1] / "payloads" / "s3"
UPLOADS = "media-uploads"
MB = 1024 * 1024


def facts(sandbox: RunningSandbox, key: str = "sandbox-access-key", **settings: str) -> ConnectionFacts:
    return connection("s3", sandbox, {"secret_access_key": "sandbox-secret-key"}, access_key_id=key, **settings)


@pytest.fixture
def store(sandbox: RunningSandbox) -> S3Client:
    return build(facts(sandbox))


def fetched(method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """One request without the SDK, as a browser makes it."""
    parts = urlsplit(url)
    line = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        line.request(method, f"{parts.path}?{parts.query}", body or None, headers or {})
        answer = line.getresponse()
        return answer.status, answer.read()
    finally:
        line.close()


def test_a_large_file_goes_in_parts_and_comes_back_in_pieces(store: S3Client, sandbox: RunningSandbox) -> None:
    content = bytes(range(256)) * (11 * MB // 256)
    pieces = (content[start : start + 300_000] for start in range(0, len(content), 300_000))
    made = store.upload(UPLOADS, "video.mp4", pieces, content_type="video/mp4", part=5 * MB)
    assert made.size == len(content)
    assert made.etag.endswith("-3")
    assert [write.operation for write in sandbox.control.writes("s3")] == [
        "begin_upload",
        *["upload_part"] * 3,
        "complete_upload",
    ]
    assert b"".join(store.get(UPLOADS, "video.mp4")) == content
    found = store.head(UPLOADS, "video.mp4")
    assert found is not None
    assert (found.size, found.etag, found.content_type) == (len(content), made.etag, "video/mp4")


def test_small_and_empty_files_are_one_request(store: S3Client, sandbox: RunningSandbox) -> None:
    store.upload(UPLOADS, "small", [b"a", b"b"])
    store.upload(UPLOADS, "empty", [])
    assert [write.operation for write in sandbox.control.writes("s3")] == ["put", "put"]
    assert b"".join(store.get(UPLOADS, "small")) == b"ab"
    assert b"".join(store.get(UPLOADS, "empty")) == b""


def test_an_upload_that_fails_leaves_no_parts(store: S3Client, sandbox: RunningSandbox) -> None:
    def breaking() -> Iterator[bytes]:
        yield bytes(10 * MB)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk"):
        store.upload(UPLOADS, "half", breaking(), part=5 * MB)
    assert store.list_uploads(UPLOADS) == []
    assert store.head(UPLOADS, "half") is None


def test_parts_that_are_too_small_are_refused(store: S3Client) -> None:
    upload = store.begin_upload(UPLOADS, "x")
    parts = [store.upload_part(upload, number, b"tiny") for number in (1, 2)]
    with pytest.raises(Refused) as refused:
        store.complete_upload(upload, parts)
    assert refused.value.code == "EntityTooSmall"


def test_a_completed_upload_that_the_store_has_forgotten_is_recognised_by_its_tag(sandbox: RunningSandbox) -> None:
    second = build(facts(sandbox, "second-access-key", region="auto"))
    second.create_bucket(UPLOADS)
    upload = second.begin_upload(UPLOADS, "once")
    parts = [second.upload_part(upload, 1, b"content")]
    first = second.complete_upload(upload, parts)
    assert second.complete_upload(upload, parts).etag == first.etag
    second.put(UPLOADS, "once", b"something else")
    with pytest.raises(Refused) as refused:
        second.complete_upload(upload, parts)
    assert refused.value.code == "NoSuchUpload"


def test_a_file_replaced_while_it_is_read_is_an_error_and_no_mixture(
    store: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "PIECE", 4)
    store.put(UPLOADS, "report", b"first version")
    reading = store.get(UPLOADS, "report")
    assert next(reading) == b"firs"
    store.put(UPLOADS, "report", b"second version")
    with pytest.raises(Refused) as refused:
        list(reading)
    assert refused.value.code == "PreconditionFailed"


def test_an_address_lets_anybody_read_for_its_time(store: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(UPLOADS, "relatório ção.pdf", b"%PDF")
    url = store.presigned_get(UPLOADS, "relatório ção.pdf", seconds=60, filename="Relatório.pdf")
    assert fetched("GET", url) == (200, b"%PDF")
    assert fetched("GET", url.replace("X-Amz-Expires=60", "X-Amz-Expires=600"))[0] == 403
    assert fetched("GET", url.replace("/media-uploads/", "/backups/"))[0] == 403
    assert fetched("GET", url.partition("?")[0])[0] == 403
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *given, **named: datetime(2026, 1, 1, tzinfo=UTC))
    status, answer = fetched("GET", store.presigned_get(UPLOADS, "relatório ção.pdf", seconds=60))
    assert (status, b"<Code>AccessDenied</Code>" in answer) == (403, True)


def test_an_address_lets_anybody_write_what_was_agreed(store: S3Client) -> None:
    url = store.presigned_put(UPLOADS, "foto.jpg", seconds=60, content_type="image/jpeg")
    assert fetched("PUT", url, b"jpeg", {"content-type": "text/html"})[0] == 403
    assert fetched("PUT", url, b"jpeg", {"content-type": "image/jpeg"})[0] == 200
    assert b"".join(store.get(UPLOADS, "foto.jpg")) == b"jpeg"
    with pytest.raises(ValueError, match="604800"):
        store.presigned_put(UPLOADS, "foto.jpg", seconds=8 * 86_400, content_type="image/jpeg")


def test_the_wrong_secret_and_a_wrong_clock_are_found(sandbox: RunningSandbox) -> None:
    wrong = connection("s3", sandbox, {"secret_access_key": "another"}, access_key_id="sandbox-access-key")
    with pytest.raises(AuthenticationFailed) as failed:
        build(wrong).put(UPLOADS, "x", b"")
    assert failed.value.code == "SignatureDoesNotMatch"
    with sandbox.control.fault("clock_skew", service="s3"), pytest.raises(AuthenticationFailed) as failed:
        build(facts(sandbox)).put(UPLOADS, "x", b"")
    assert failed.value.code == "RequestTimeTooSkewed"


def test_what_arrives_otherwise_than_it_was_sent_is_refused(store: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "content_md5", lambda content: "1B2M2Y8AsgTpgAmY7PhCfg==")
    monkeypatch.setattr(store._calls, "policy", store._calls.policy.__class__(attempts=1))
    with pytest.raises(TemporaryFailure) as failed:
        store.put(UPLOADS, "x", b"content")
    assert (failed.value.code, failed.value.accepted_possible) == ("BadDigest", False)
    assert store.head(UPLOADS, "x") is None


def test_every_bucket_is_made_in_every_store_once(sandbox: RunningSandbox) -> None:
    sealed = seal_secrets({"secret_access_key": "sandbox-secret-key"})
    for name, key, region in (("AWS", "sandbox-access-key", "us-east-1"), ("R2", "second-access-key", "auto")):
        settings = {
            "access_key_id": key,
            "region": region,
            "endpoint": sandbox.base_url("s3"),
            "bucket_prefix": "aurora-",
            "public_base_url": "https://assets.example.com/",
        }
        Connection.objects.create(service="s3", name=name, settings=settings, sealed_secrets=sealed)
    said = StringIO()
    call_command("storage", "prepare", stdout=said)
    lines = said.getvalue().splitlines()
    assert len(lines) == 2 * len(BUCKETS) == 14
    assert "AWS (s3): exports made, files go after 7 days" in lines
    assert "AWS (s3): public-assets made, anybody may read" in lines
    assert lines[-1].startswith("R2 (s3): public-assets made, not public (NotImplemented)")
    store = build(facts_of(Connection.objects.get(name="AWS")))
    assert [store.get_expiry(bucket.name) for bucket in BUCKETS] == [0, 0, 0, 0, 0, 7, 0]
    store.put("public-assets", "logo.svg", b"<svg/>")
    assert store.public_url("public-assets", "logo.svg") == "https://assets.example.com/logo.svg"
    assert fetched("GET", f"{sandbox.base_url('s3')}/aurora-public-assets/logo.svg") == (200, b"<svg/>")
    store.put("contracts", "secret.pdf", b"")
    assert fetched("GET", f"{sandbox.base_url('s3')}/aurora-contracts/secret.pdf")[0] == 403
    before = len(sandbox.control.writes("s3", "create_bucket"))
    call_command("storage", "prepare", stdout=said)
    assert len(sandbox.control.writes("s3", "create_bucket")) == before == 14


def test_without_a_store_the_command_says_so() -> None:
    with pytest.raises(CommandError, match="no connection to a store"):
        call_command("storage", "prepare")


def test_djangos_files_are_kept_in_the_store_and_shown_by_addresses_that_end(sandbox: RunningSandbox) -> None:
    Connection.objects.create(
        service="s3",
        name="Files",
        settings={"access_key_id": "sandbox-access-key", "endpoint": sandbox.base_url("s3")},
        sealed_secrets=seal_secrets({"secret_access_key": "sandbox-secret-key"}),
    )
    files = MediaFiles()
    name = files.save("brand/logo.png", ContentFile(b"png"))
    other = files.save("brand/logo.png", ContentFile(b"another"))
    assert (name, other != name) == ("brand/logo.png", True)
    with files.open(name) as file:
        assert file.read() == b"png"
    assert fetched("GET", files.url(name)) == (200, b"png")
    assert fetched("GET", files.url(name).partition("?")[0])[0] == 403
    files.delete(name)
    assert not files.exists(name)
    files.connection.meta.client.close()


class Raw:
    """A body as urllib3 gives it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **given: Any) -> Iterator[bytes]:
        yield self._content


def answering(store: S3Client, sample: str, status: int = 200) -> Any:
    """Let the vendor's own sample answer the next requests; returns what to take away again."""
    content = (SAMPLES / sample).read_bytes()

    def answer(request: Any, **given: Any) -> AWSResponse:
        return AWSResponse(request.url, status, {"content-type": "application/xml"}, Raw(content))

    store._sdk(store._calls.policy.timeout).meta.events.register("before-send.s3", answer)
    return answer


def test_the_vendors_own_samples_are_understood(store: S3Client) -> None:
    events = store._sdk(store._calls.policy.timeout).meta.events
    sample = answering(store, "list_objects_v2.xml")
    (found,) = store.files("quotes", "E")
    events.unregister("before-send.s3", sample)
    assert (found.key, found.size, found.etag) == ("ExampleObject.txt", 857, "599bab3ed2c697f1d26842727561fd94")
    assert found.modified == datetime(2013, 9, 17, 18, 7, 53, tzinfo=UTC)
    sample = answering(store, "initiate_multipart_upload.xml")
    assert store.begin_upload("b", "k").upload_id.startswith("VXBsb2FkIElEIGZvciA2aWWpbmcn")
    events.unregister("before-send.s3", sample)
    sample = answering(store, "error.xml", 404)
    with pytest.raises(Refused) as refused:
        list(store.get("mybucket", "myfoto.jpg"))
    events.unregister("before-send.s3", sample)
    assert refused.value.code == "NoSuchKey"
