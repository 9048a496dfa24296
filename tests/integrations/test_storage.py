"""Keeping files: the first store, the second, and else a row that is uploaded later."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from agency.kit.actor import Actor
from agency.models import Alert
from integrations.calling import gate
from integrations.capabilities.storage import fetch_file, file_address, store_file, upload_waiting
from integrations.connections import facts_of, seal_secrets
from integrations.errors import NotConfigured, Refused
from integrations.models import ChainAttempt, Connection, DeferredUpload
from integrations.s3.client import build
from integrations.sandbox.runner import RunningSandbox

ACTOR = Actor.system("test")
UPLOADS = "media-uploads"
FIRST, SECOND = "sandbox-access-key", "second-access-key"

pytestmark = pytest.mark.django_db


@pytest.fixture
def stores(sandbox: RunningSandbox) -> Iterator[list[Connection]]:
    """Two stores."""
    gate.forget_connections()
    for key in gate._client().scan_iter("calls:*"):
        gate._client().delete(key)
    found = [
        Connection.objects.create(
            service="s3",
            name=key,
            settings={"access_key_id": key, "region": region, "endpoint": sandbox.base_url("s3")},
            sealed_secrets=seal_secrets({"secret_access_key": "sandbox-secret-key"}),
        )
        for key, region in ((FIRST, "us-east-1"), (SECOND, "auto"))
    ]
    for each in found:
        build(facts_of(each)).create_bucket(UPLOADS)
    yield found
    gate.forget_connections()


def away(sandbox: RunningSandbox, *keys: str) -> None:
    """These stores refuse everything from now on."""
    for key in keys:
        sandbox.control.add_fault("refuse", service="s3", sender=key, code="AccessDenied")


def test_a_file_goes_to_the_first_store_and_is_read_from_it(stores: list[Connection]) -> None:
    kept = store_file(UPLOADS, "a.txt", b"one", content_type="text/plain")
    assert (kept.connection_id, kept.is_waiting) == (stores[0].pk, False)
    assert fetch_file(UPLOADS, "a.txt") == b"one"
    assert ChainAttempt.objects.filter(connection=stores[1]).count() == 0


def test_the_second_store_stands_in_and_is_asked_for_what_the_first_has_not(
    stores: list[Connection], sandbox: RunningSandbox
) -> None:
    away(sandbox, FIRST)
    assert store_file(UPLOADS, "a.txt", b"one").connection_id == stores[1].pk
    sandbox.control.clear_faults()
    assert fetch_file(UPLOADS, "a.txt") == b"one"
    assert f"/{UPLOADS}/a.txt?" in file_address(UPLOADS, "a.txt", seconds=60)
    with pytest.raises(Refused) as refused:
        fetch_file(UPLOADS, "nothing")
    assert refused.value.code == "NoSuchKey"


def test_what_no_store_takes_waits_and_is_uploaded_later(stores: list[Connection], sandbox: RunningSandbox) -> None:
    away(sandbox, FIRST, SECOND)
    assert store_file(UPLOADS, "a.txt", b"first").is_waiting
    assert store_file(UPLOADS, "a.txt", b"second", content_type="text/plain").is_waiting
    assert fetch_file(UPLOADS, "a.txt") == b"second"
    assert upload_waiting(actor=ACTOR) == 0  # not due yet
    DeferredUpload.objects.update(next_try_at=timezone.now())
    assert upload_waiting(actor=ACTOR) == 0
    waiting = DeferredUpload.objects.get()
    assert (waiting.tries, "AccessDenied" in waiting.text) == (1, True)
    assert timedelta(minutes=1) < waiting.next_try_at - timezone.now() <= timedelta(minutes=2)
    sandbox.control.clear_faults()
    DeferredUpload.objects.update(next_try_at=timezone.now())
    assert upload_waiting(actor=ACTOR) == 1
    assert not DeferredUpload.objects.exists()
    assert fetch_file(UPLOADS, "a.txt") == b"second"
    assert len(sandbox.control.writes("s3", "put")) == 1


def test_an_older_content_that_waits_never_replaces_a_newer_one(
    stores: list[Connection], sandbox: RunningSandbox
) -> None:
    away(sandbox, FIRST, SECOND)
    store_file(UPLOADS, "a.txt", b"old")
    sandbox.control.clear_faults()
    store_file(UPLOADS, "a.txt", b"new")
    DeferredUpload.objects.update(next_try_at=timezone.now())
    assert upload_waiting(actor=ACTOR) == 0
    assert fetch_file(UPLOADS, "a.txt") == b"new"


def test_without_any_store_a_file_waits_too_and_after_an_hour_people_are_told() -> None:
    assert store_file(UPLOADS, "a.txt", b"one").is_waiting
    with pytest.raises(NotConfigured):
        file_address(UPLOADS, "a.txt", seconds=60)
    upload_waiting(actor=ACTOR)
    assert not Alert.objects.filter(key="deferred_uploads").exists()
    DeferredUpload.objects.update(since=timezone.now() - timedelta(minutes=61), next_try_at=timezone.now())
    upload_waiting(actor=ACTOR)
    assert Alert.objects.get(key="deferred_uploads", cleared_at=None).title.startswith("1 ")
    DeferredUpload.objects.all().delete()
    upload_waiting(actor=ACTOR)
    assert not Alert.objects.filter(key="deferred_uploads", cleared_at=None).exists()


def test_a_file_too_large_to_wait_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="cannot wait"):
        store_file(UPLOADS, "a.bin", bytes(64 * 1024 * 1024 + 1))
    assert not DeferredUpload.objects.exists()
