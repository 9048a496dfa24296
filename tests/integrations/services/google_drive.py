"""Google Drive."""

import dataclasses
import hashlib
import uuid

from integrations.errors import AuthenticationFailed, RateLimited, Refused, TemporaryFailure
from integrations.google.sandbox_tokens import EMAIL, KEY_FILE
from integrations.google_drive.client import FOLDER, DriveFile, GoogleDriveClient, Permission, Upload, WatchChannel
from integrations.google_drive.sandbox import DOCUMENT, PDF, ROOT, TEMPLATE
from tests.integrations.services.cases import Case, Contract, connection, equals

FILE = ("id", "name", "mimeType")
LARGE = bytes(range(256)) * 4096  # 1 MiB
PART = 256 * 1024


def copied(client: GoogleDriveClient) -> tuple[DriveFile, DriveFile | None]:
    """A copy with a key of ours, and what is found by that key."""
    key = f"contract:{uuid.uuid4()} d'Ouro \\ 1"
    return client.copy_file(TEMPLATE, "Contrato – Loja", parent=ROOT, key=key), client.find_by_key(key)


def was_copied(found: tuple[DriveFile, DriveFile | None]) -> None:
    copy, again = found
    assert copy == again
    assert (copy.name, copy.mime_type) == ("Contrato – Loja", DOCUMENT)
    assert copy.key.startswith("contract:")


def folder(found: DriveFile) -> None:
    assert (found.name, found.mime_type, found.key) == ("Loja", FOLDER, "client:7")


def uploaded(found: DriveFile) -> None:
    assert (found.name, found.mime_type, found.size) == ("a.csv", "text/csv", 9)
    assert found.md5 == hashlib.md5(b"a;b\r\n1;2\n", usedforsecurity=False).hexdigest()


def uploaded_large(found: DriveFile) -> None:
    assert (found.size, found.key) == (len(LARGE), "backup:1")
    assert found.md5 == hashlib.md5(LARGE, usedforsecurity=False).hexdigest()


def listed(client: GoogleDriveClient) -> list[str]:
    """The names of what stands in the folder from the start."""
    names = [each.name for each in client.list_files(parent=ROOT)]
    return [name for name in names if name in ("Contrato", "Notas", "logo.png")]


def permitted(client: GoogleDriveClient) -> list[Permission]:
    client.share(TEMPLATE, "ana@example.com", role="writer")
    return [dataclasses.replace(each, id="") for each in client.list_permissions(TEMPLATE)][:2]


def begun(found: Upload) -> None:
    assert found.path.startswith("/upload/drive/v3/files?uploadType=resumable&upload_id=")
    assert found.size == 5


def watched(found: WatchChannel) -> None:
    assert found.resource_id == f"resource-{TEMPLATE}"
    assert found.ends_at_ms > 1_790_000_000_000


CONTRACT = Contract(
    slug="google_drive",
    connect=lambda sandbox: dataclasses.replace(
        connection("google_drive", sandbox, {"service_account": KEY_FILE, "channel_token": "channel-1"}),
        webhook_url="",
    ),
    refused_operation="copy_file",
    impossible=("start_upload:invalid_json",),  # the answer is a header, and no body
    refusals={
        "notFound": Refused,
        "insufficientFilePermissions": Refused,
        "insufficientPermissions": AuthenticationFailed,
        "authError": AuthenticationFailed,
        "storageQuotaExceeded": AuthenticationFailed,
        "userRateLimitExceeded": RateLimited,
        "rateLimitExceeded": RateLimited,
        "dailyLimitExceeded": RateLimited,
        "backendError": TemporaryFailure,
    },
    cases=(
        Case("get_file", lambda client: client.get_file(TEMPLATE).name, equals("Contrato"), required=FILE),
        Case(
            "list_files",
            listed,
            equals(["Contrato", "Notas", "logo.png"]),
            required=("files", *(f"files[].{name}" for name in FILE)),
            is_live=True,
        ),
        Case("copy_file", copied, was_copied, required=FILE),
        Case(
            "create_folder",
            lambda client: client.create_folder("Loja", parent=ROOT, key="client:7"),
            folder,
            required=FILE,
        ),
        Case(
            "export_pdf",
            lambda client: client.export_pdf(TEMPLATE),
            equals(PDF),
            nothing_required="the answer is the file itself; one that is no PDF is refused",
        ),
        Case(
            "upload_file",
            lambda client: client.upload_file("a.csv", b"a;b\r\n1;2\n", mime_type="text/csv", parent=ROOT),
            uploaded,
            required=FILE,
        ),
        Case(
            "start_upload",
            lambda client: client.start_upload("b.bin", 5, mime_type="application/octet-stream", parent=ROOT),
            begun,
            required=("@location",),
            writes=0,
        ),
        Case(
            "send_part",
            lambda client: client.upload_large(
                "b.bin", LARGE, mime_type="application/octet-stream", parent=ROOT, key="backup:1", part=PART
            ),
            uploaded_large,
            required=FILE,
        ),
        Case(
            "list_permissions",
            permitted,
            equals([Permission("", "owner", EMAIL), Permission("", "writer", "ana@example.com")]),
            required=("permissions", "permissions[].id", "permissions[].role"),
            writes=1,
        ),
        Case(
            "share",
            lambda client: dataclasses.replace(client.share(TEMPLATE, "rui@example.com"), id=""),
            equals(Permission("", "reader", "rui@example.com")),
            required=("id", "role"),
        ),
        Case(
            "watch",
            lambda client: client.watch(TEMPLATE, str(uuid.uuid4())),
            watched,
            required=("id", "resourceId", "expiration"),
        ),
        Case(
            "health",
            lambda client: client.identity(),
            equals(EMAIL),
            required=("user", "user.emailAddress"),
            is_live=True,
        ),
    ),
)
