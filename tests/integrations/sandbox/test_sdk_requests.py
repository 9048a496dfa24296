"""What vendors' SDKs send and expect: files, large bodies, encoded paths, repeated names, rare statuses."""

import hashlib
import http.client
import os
from urllib.parse import urlsplit

import httpx
import pytest

from integrations.sandbox.multipart import parse_parts
from integrations.sandbox.routes import Routes

from .asking import ask
from .library import RunningLibrary

MEGABYTES_64 = 64 * 1024 * 1024


def test_a_large_binary_body_arrives_and_returns_whole(library: RunningLibrary) -> None:
    content = os.urandom(1024) * 64 * 1024
    assert len(content) == MEGABYTES_64
    stored = ask("PUT", f"{library.url}/shelf/a/large.bin", body=content, timeout=60)
    assert (stored.status, stored.headers["etag"]) == (200, hashlib.md5(content, usedforsecurity=False).hexdigest())
    assert "content-type" not in stored.headers
    assert ask("GET", f"{library.url}/shelf/a/large.bin", timeout=60).body == content


def test_a_chunked_body_is_one_body(library: RunningLibrary) -> None:
    pieces = [b"a" * 70_000, b"", b"b" * 10]
    answer = httpx.put(f"{library.url}/shelf/a/chunked", content=iter(pieces))
    assert answer.request.headers["transfer-encoding"] == "chunked"
    assert ask("GET", f"{library.url}/shelf/a/chunked").body == b"".join(pieces)


@pytest.mark.parametrize(
    ("sent", "asked"),
    [
        ("2026/11/a b%c.txt", "2026/11/a%20b%25c.txt"),
        ("2026/11/a b%c.txt", "2026%2F11%2Fa%20b%25c.txt"),
        ("dir/", "dir/"),
        ("ação/%2F", "a%C3%A7%C3%A3o/%252F"),
    ],
)
def test_a_key_with_slashes_and_signs_is_one_key(library: RunningLibrary, sent: str, asked: str) -> None:
    ask("PUT", f"{library.url}/shelf/a/{asked}", body=b"x")
    assert library.imitation.files == {sent: b"x"}


def test_a_route_takes_encoded_and_plain_characters_alike() -> None:
    routes = Routes(("POST", "/values/{range}:append", "append"), ("GET", "/{bucket}", "list"))
    for path in ("/values/Page%201!A1:append", "/values/Page%201%21A1%3Aappend"):
        assert routes.match("POST", path) == ("append", ("Page 1!A1",))
    assert routes.match("HEAD", "/photos/") == ("list", ("photos",))
    assert routes.match("POST", "/photos") is None


def test_a_form_with_files_is_read(library: RunningLibrary) -> None:
    picture = b"\x89PNG\r\n--\r\n\x00" * 1000
    answer = httpx.post(
        f"{library.url}/echo?tag=a&tag=b&empty=",
        data={"title": "São Paulo", "empty": ""},
        files={"file": ('capa "1" ção.png', picture, "image/png")},
    )
    found = answer.json()
    assert found["queries"] == {"tag": ["a", "b"], "empty": [""]}
    fields = {part[0]: part[1:] for part in found["parts"]}
    assert fields["title"] == ["", "", 10, "São Paulo"]
    assert fields["empty"] == ["", "", 0, ""]
    assert fields["file"][:3] == ['capa "1" ção.png', "image/png", len(picture)]


def test_an_upload_of_two_related_parts_is_read() -> None:
    body = b'preamble\r\n--x y\r\nContent-Type: application/json\r\n\r\n{"name":"a"}\r\n--x y\r\n\r\n\r\n\x00\r\n--x y--\r\n'
    first, second = parse_parts('multipart/related; boundary="x y"', body)
    assert (first.name, first.content_type, first.body) == ("", "application/json", b'{"name":"a"}')
    assert second.body == b"\r\n\x00"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=x", b"nothing"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nno end"),
    ],
)
def test_a_body_that_is_not_of_parts_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(ValueError, match=r"multipart|boundary"):
        parse_parts(content_type, body)


@pytest.mark.parametrize(("status", "reason"), [(204, "No Content"), (308, "Permanent Redirect"), (529, "")])
def test_rare_statuses_and_repeated_headers(library: RunningLibrary, status: int, reason: str) -> None:
    parts = urlsplit(library.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    for _ in range(2):  # the connection is still in step for the next one
        connection.request("POST", f"{parts.path}/answer/{status}")
        answer = connection.getresponse()
        assert (answer.status, answer.reason, answer.read()) == (status, reason, b"")
        assert answer.headers.get_all("x-a") == ["1", "2"]
        assert answer.headers["range"] == "bytes=0-41"
        assert answer.headers["content-length"] == (None if status == 204 else "0")
    connection.close()


def test_head_says_the_length_and_sends_nothing(library: RunningLibrary) -> None:
    ask("PUT", f"{library.url}/shelf/a/b", body=b"0123456789" * 20_000)
    answer = ask("HEAD", f"{library.url}/shelf/a/b")
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "200000", b"")
