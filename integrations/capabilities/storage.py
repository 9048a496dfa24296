"""Files for the product: the first store that takes them, the second, and else a row that is uploaded later. Nothing is lost.

stored = store_file("contracts", "aurora/2026.pdf", content, content_type="application/pdf", client_id=client.pk)
content = fetch_file("contracts", "aurora/2026.pdf", client_id=client.pk)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, cast

from django.utils import timezone

from agency.kit.actor import Actor
from integrations.capabilities.chain import ChainExhausted, Completed, Hop, run_chain
from integrations.errors import IntegrationError, NotConfigured, Refused
from integrations.models import DeferredUpload
from integrations.operations.deferred_uploads import (
    defer_upload,
    forget_upload,
    postpone_upload,
    review_waiting_uploads,
    take_due_upload,
)
from integrations.registry import build_client
from integrations.s3.answers import StoredObject

CHAIN = "storage"
MOST_BYTES = 64 * 1024 * 1024  # of a file that may wait in the database


class FileStore(Protocol):
    """What a store's client offers here."""

    def put(self, bucket: str, key: str, content: bytes, *, content_type: str = ...) -> StoredObject: ...

    def get(self, bucket: str, key: str) -> Iterator[bytes]: ...

    def head(self, bucket: str, key: str) -> StoredObject | None: ...

    def delete(self, bucket: str, key: str) -> None: ...

    def presigned_get(self, bucket: str, key: str, *, seconds: int, filename: str = ...) -> str: ...


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a file is: a store's connection, or None while it waits here."""

    connection_id: int | None

    @property
    def is_waiting(self) -> bool:
        """Whether no store has it yet."""
        return self.connection_id is None


def store_file(
    bucket: str,
    key: str,
    content: bytes,
    *,
    content_type: str = "application/octet-stream",
    client_id: int | None = None,
) -> Kept:
    """Keep a file of at most 64 MB, replacing what the key had. Raises ValueError for a larger one, RuntimeError inside a transaction."""
    if len(content) > MOST_BYTES:
        raise ValueError(
            f"a file of more than {MOST_BYTES} bytes cannot wait: upload it in parts by the store's client"
        )
    try:
        done = _put(bucket, key, content, content_type, client_id)
    except (ChainExhausted, NotConfigured) as error:
        defer_upload(
            bucket=bucket,
            key=key,
            content=content,
            content_type=content_type,
            client_id=client_id,
            now=timezone.now(),
            why=str(error),
        )
        return Kept(None)
    forget_upload(bucket=bucket, key=key)  # an older content that still waits must not replace this one
    return Kept(done.hop.connection.id)


def fetch_file(bucket: str, key: str, *, client_id: int | None = None) -> bytes:
    """The newest content of a key: what waits here, else from the first store that has it. Raises `Refused` (NoSuchKey) when nobody has."""
    waiting = DeferredUpload.objects.filter(bucket=bucket, key=key).first()
    if waiting is not None:
        return bytes(waiting.content)
    try:
        return run_chain(CHAIN, lambda hop: b"".join(_store(hop).get(bucket, key)), client_id=client_id).answer
    except ChainExhausted as exhausted:
        raise _most_telling(exhausted) from None


def file_address(bucket: str, key: str, *, seconds: int, filename: str = "", client_id: int | None = None) -> str:
    """An address at which anybody may read the file for `seconds`. Raises `Refused` (NoSuchKey) when no store has it, or not yet."""

    def find(hop: Hop) -> str:
        store = _store(hop)
        if store.head(bucket, key) is None:
            raise Refused(hop.connection.service, "head", "NoSuchKey")
        return store.presigned_get(bucket, key, seconds=seconds, filename=filename)

    try:
        return run_chain(CHAIN, find, client_id=client_id).answer
    except ChainExhausted as exhausted:
        raise _most_telling(exhausted) from None


def upload_waiting(*, actor: Actor, most: int = 50) -> int:
    """Try the files that wait and are due. Returns how many have found a store."""
    uploaded = 0
    for _turn in range(most):
        waiting = take_due_upload(now=timezone.now())
        if waiting is None:
            break
        try:
            _put(waiting.bucket, waiting.key, bytes(waiting.content), waiting.content_type, waiting.client_id)
        except IntegrationError as error:
            postpone_upload(upload_id=waiting.pk, now=timezone.now(), why=str(error))
            continue
        forget_upload(bucket=waiting.bucket, key=waiting.key, since=waiting.since)
        uploaded += 1
    review_waiting_uploads(actor=actor, now=timezone.now())
    return uploaded


def _put(bucket: str, key: str, content: bytes, content_type: str, client_id: int | None) -> Completed[StoredObject]:
    return run_chain(
        CHAIN, lambda hop: _store(hop).put(bucket, key, content, content_type=content_type), client_id=client_id
    )


def _store(hop: Hop) -> FileStore:
    return cast(FileStore, build_client(hop.connection, capability="storage"))


def _most_telling(exhausted: ChainExhausted) -> IntegrationError:
    """Of several stores' errors the one that says the file may still be there; that nobody has it only when all say so."""
    return next((error for error in exhausted.failures if not isinstance(error, Refused)), exhausted.failures[-1])
