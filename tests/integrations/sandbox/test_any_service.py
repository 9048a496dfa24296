"""What every imitated service gets from its base: faults of all kinds, the log of writes, events, discovery."""

import hashlib
import hmac
import http.client
import json
import subprocess
import sys
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from integrations.sandbox.behaviour import Shares
from integrations.sandbox.control import ControlFailed
from integrations.sandbox.log import Write, read_acceptances
from integrations.sandbox.main import imitation_classes
from integrations.sandbox.runner import ROOT, RunningSandbox
from integrations.sandbox.world import SandboxSettings, World

from .asking import Answer, ask
from .library import RunningLibrary
from .receiver import Receiver


def add(library: RunningLibrary, *, timeout: float = 5.0) -> Answer:
    return ask("POST", f"{library.url}/books", content={"title": "Dom Casmurro"}, timeout=timeout)


def shelf(library: RunningLibrary) -> Answer:
    return ask("GET", f"{library.url}/books")


# Faults: (kind, more, status, what the answer shows, whether the write happened)
ANSWERS: list[tuple[str, dict[str, Any], int, bytes, bool]] = [
    ("rate_limit", {"seconds": 7}, 429, b'{"error":"rate"}', False),
    ("rate_limit_silent", {}, 429, b'{"error":"rate"}', False),
    ("server_error", {}, 500, b'{"error":"broken"}', False),
    ("server_error_after", {}, 500, b'{"error":"broken"}', True),
    ("unavailable", {"seconds": 3}, 503, b'{"error":"broken"}', False),
    ("bad_gateway", {}, 502, b"<!DOCTYPE html>", False),
    ("bad_gateway_after", {}, 502, b"<!DOCTYPE html>", True),
    ("html_page", {}, 200, b"<!DOCTYPE html>", False),
    ("refuse", {"code": "book_locked"}, 423, b'{"error":"book_locked"}', False),
    ("error_in_success", {}, 200, b'{"ok":false,"error":"book_locked"}', False),
    ("expired_token", {}, 401, b'{"error":"expired"}', False),
    ("clock_skew", {"seconds": 900}, 403, b'{"error":"skewed"}', False),
    ("clock_skew", {"seconds": 60}, 201, b'{"id":3,"title":"Dom Casmurro"}', True),
    ("latency", {"seconds": 0.05}, 201, b'{"id":3,"title":"Dom Casmurro"}', True),
    ("wrong_content_type", {}, 201, b'{"id":3,"title":"Dom Casmurro"}', True),
    ("invalid_json", {}, 201, b'{"id":3,"title":"Dom', True),
    ("drop_field", {"path": "id"}, 201, b'{"title":"Dom Casmurro"}', True),
]


@pytest.mark.parametrize(("kind", "more", "status", "body", "done"), ANSWERS)
def test_each_kind_of_wrong_answer(
    library: RunningLibrary, kind: str, more: dict[str, Any], status: int, body: bytes, done: bool
) -> None:
    with library.control.fault(kind, service="library", operation="add", count=1, **more) as fault_id:
        assert shelf(library).json()["data"]
        answer = add(library)
        assert library.control.struck(fault_id) == 1
    assert (answer.status, answer.body[: len(body)]) == (status, body)
    assert len(library.control.writes("library", "add")) == int(done)
    assert add(library).status == 201


def test_who_is_told_to_wait_and_who_is_not(library: RunningLibrary) -> None:
    library.control.add_fault("rate_limit", count=1, seconds=7)
    assert shelf(library).headers["retry-after"] == "7"
    library.control.add_fault("rate_limit_silent", count=1)
    silent = shelf(library).headers
    assert (silent.get("retry-after"), silent.get("x-ratelimit-reset"), silent["x-kept"]) == (None, None, "1")
    library.control.add_fault("unavailable", count=1, seconds=3)
    assert shelf(library).headers["retry-after"] == "3"
    library.control.add_fault("unavailable", count=1)
    assert "retry-after" not in shelf(library).headers


def test_content_types_of_what_is_no_answer(library: RunningLibrary) -> None:
    library.control.add_fault("html_page", count=1)
    assert shelf(library).headers["content-type"] == "text/html; charset=utf-8"
    library.control.add_fault("wrong_content_type", count=1)
    assert shelf(library).headers["content-type"] == "text/plain; charset=utf-8"


def test_the_date_says_how_far_our_clock_is_off(library: RunningLibrary) -> None:
    library.control.add_fault("clock_skew", seconds=7200, count=1)
    ours = library.imitation.world.clock.now()
    theirs = parsedate_to_datetime(shelf(library).headers["date"]).timestamp()
    assert 7190 < ours - theirs < 7210


@pytest.mark.parametrize(("kind", "done"), [("cut_before", 0), ("hang_before", 0), ("cut_after", 1), ("hang_after", 1)])
def test_no_answer_before_or_after_the_write(library: RunningLibrary, kind: str, done: int) -> None:
    library.control.add_fault(kind, seconds=0.1, count=1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        add(library)
    assert len(library.control.writes("library")) == done


def test_a_client_gives_up_before_or_after_the_write(library: RunningLibrary) -> None:
    for kind, done in (("hang_before", 0), ("hang_after", 1)):
        library.control.add_fault(kind, seconds=60, count=1)
        with pytest.raises(TimeoutError):
            add(library, timeout=0.2)
        assert len(library.control.writes("library")) == done


@pytest.mark.parametrize("path", ["/books", "/shelf/a/empty"])
def test_a_body_is_cut_in_the_middle(library: RunningLibrary, path: str) -> None:
    method, content = ("POST", {"title": "Iracema"}) if path == "/books" else ("PUT", None)
    library.control.add_fault("cut_body", count=1)
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(method, library.url + path, content=content)
    whole = b'{"id":3,"title":"Iracema"}' if path == "/books" else b""
    assert caught.value.partial == whole[: len(whole) // 2]
    assert (caught.value.expected or 0) > 0


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("data[].id", [{"title": "A", "by": {"name": "X"}}, {"title": "B", "by": {"name": "Y"}}]),
        ("data[].by.name", [{"id": 1, "title": "A", "by": {}}, {"id": 2, "title": "B", "by": {}}]),
        ("*[].by", [{"id": 1, "title": "A"}, {"id": 2, "title": "B"}]),
        ("data", None),
    ],
)
def test_a_field_is_missing(library: RunningLibrary, path: str, left: list[dict[str, Any]] | None) -> None:
    library.control.add_fault("drop_field", path=path, count=1)
    assert shelf(library).json() == ({} if left is None else {"data": left})


def test_a_header_or_an_element_is_missing(library: RunningLibrary) -> None:
    library.control.add_fault("drop_field", path="@ETag", count=1)
    answer = shelf(library)
    assert "etag" not in answer.headers and answer.headers["x-left"] == "9"
    library.control.clear_faults()
    library.control.add_fault("drop_field", path="Book[].Id", count=1)
    left = ask("GET", f"{library.url}/books.xml").body
    assert b'<List xmlns="urn:l"><Book><Title>A</Title></Book><Book /></List>' in left


def test_a_field_that_is_not_there_strikes_nothing(library: RunningLibrary) -> None:
    whole = shelf(library).body
    fault_id = library.control.add_fault("drop_field", path="data[].isbn", count=1)
    assert shelf(library).body == whole
    assert library.control.struck(fault_id) == 0


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"kind": "missing_scope"}, "missing_scope cannot strike Library: it has no such way to fail"),
        ({"kind": "error_in_success", "operation": "list"}, "error_in_success cannot strike Library on list: "),
        ({"kind": "instance_closed"}, "instance_closed cannot strike Library: "),
        ({"kind": "latency", "operation": "burn"}, "there is no operation burn; Library has list, add, "),
    ],
)
def test_what_the_service_cannot_do_is_said_in_a_sentence(
    library: RunningLibrary, fault: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ControlFailed) as caught:
        library.control.add_fault(service="library", **fault)
    assert caught.value.status == 422
    assert str(caught.value).startswith(sentence)
    assert library.control.faults() == []


@pytest.mark.parametrize("path", ["", "a..b", "a[]", "@", "@a b", "a[]b.[]"])
def test_a_path_that_names_no_field_is_refused(library: RunningLibrary, path: str) -> None:
    with pytest.raises(ControlFailed) as caught:
        library.control.add_fault("drop_field", path=path)
    assert caught.value.status == 400


def test_writes_are_told_apart_from_acceptances(library: RunningLibrary) -> None:
    add(library)
    ask("DELETE", f"{library.url}/books/7")
    body = json.dumps({"title": "Dom Casmurro"})
    written = library.control.writes("library", "add")
    assert written == [
        Write(
            number=1,
            at=written[0].at,
            service="library",
            account="sandbox",
            operation="add",
            reference="Dom Casmurro",
            idempotency_key="",
            provider_id="3",
            digest=hashlib.sha256(body.encode()).hexdigest(),
            text=body,
        )
    ]
    assert [(write.number, write.reference) for write in library.control.writes("library", "remove")] == [(2, "7")]
    assert library.control.writes("another") == []
    assert library.control.acceptances() == [] and list(read_acceptances(library.log)) == []
    counts = library.control.state()["counts"]
    assert (counts["writes.library.add"], counts["writes.library.remove"]) == (1, 1)
    library.control.reset()
    assert library.control.writes() == []
    add(library)
    assert [write.number for write in library.control.writes()] == [3]


def test_writes_go_on_after_a_restart(library: RunningLibrary) -> None:
    add(library)
    world = World(SandboxSettings(log=library.log, shares=Shares()))
    assert (world.log.last_number, world.log.last_write) == (0, 1)
    world.log.close()


def test_a_write_that_cannot_be_logged_did_not_happen(library: RunningLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(library.imitation.world.log, "append_write", full)
    assert add(library).status == 500
    monkeypatch.undo()
    assert library.control.writes() == []


def test_events_are_signed_webhooks(library: RunningLibrary, receiver: Receiver) -> None:
    library.control.open_account("library", webhook_url=f"{receiver.url}/hook", secret="s")
    assert library.control.happen("library", "returned", book=7) == {"sent": True}
    library.control.wait_until_quiet()
    [taken] = receiver.taken
    assert (taken.body, taken.headers["x-event"]) == (b'{"book":7}', "returned")
    assert taken.headers["x-signature"] == hmac.new(b"s", taken.body, hashlib.sha256).hexdigest()
    library.control.add_fault("drop_webhooks", service="library", count=1)
    assert library.control.happen("library", "returned", book=8) == {"sent": False}
    library.control.add_fault("duplicate_webhooks", service="library", count=1)
    library.control.add_fault("delay_webhooks", service="library", count=1, seconds=0.1)
    library.control.happen("library", "returned", book=9)
    library.control.wait_until_quiet()
    assert [taken.body for taken in receiver.taken[1:]] == [b'{"book":9}', b'{"book":9}']
    with pytest.raises(ControlFailed, match="Library has no event 'burnt'; it knows returned"):
        library.control.happen("library", "burnt")


def test_nobody_writes_to_a_service_that_carries_no_messages(library: RunningLibrary) -> None:
    with pytest.raises(ControlFailed, match="nobody writes to anybody at Library"):
        library.control.say("library", "sandbox", "someone", "Oi")


def test_services_are_found_by_their_folder(sandbox: RunningSandbox) -> None:
    found = {imitation_class.slug for imitation_class in imitation_classes()}
    assert {"evolution", "resend", "smtp", "twilio", "whatsapp_cloud"} <= found
    assert set(sandbox.control.state()["operations"]) == found


def test_the_sandbox_starts_without_vendor_sdks_and_django_models() -> None:
    program = (
        "import sys\n"
        "from integrations.sandbox.main import imitation_classes\n"
        "imitation_classes()\n"
        "from django.apps import apps\n"
        "print(apps.ready, *sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    ready, *loaded = said.split()
    vendors = {"anthropic", "boto3", "botocore", "facebook_business", "google", "googleapiclient", "gspread"}
    vendors |= {"httpx", "notion_client", "openai", "requests", "resend", "slack_sdk", "twilio"}
    assert ready == "False"
    assert vendors.isdisjoint(loaded)
