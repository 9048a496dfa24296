"""The sandbox's HTTP server speaks HTTP to clients that are careful, hurried or wrong."""

import re
import socket
from urllib.parse import urlsplit

import pytest

from integrations.sandbox.runner import RunningSandbox

STATE = b"GET /_control/faults HTTP/1.1\r\nhost: x\r\n\r\n"


def converse(sandbox: RunningSandbox, *pieces: bytes) -> bytes:
    """Send the pieces one after the other, then read until the server closes or is silent."""
    parts = urlsplit(sandbox.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=1.0) as connection:
        for piece in pieces:
            connection.sendall(piece)
        received = b""
        try:
            while piece := connection.recv(65536):
                received += piece
        except TimeoutError:
            pass
        return received


def test_requests_on_one_connection_are_answered_in_order(sandbox: RunningSandbox) -> None:
    last = b"GET /nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    received = converse(sandbox, STATE + STATE + last)
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"200", b"200", b"404"]


def test_a_slow_answer_keeps_the_order(sandbox: RunningSandbox) -> None:
    sandbox.control.add_fault("latency", service="whatsapp_cloud", seconds=0.2, count=1)
    send = b"POST /whatsapp_cloud/v26.0/1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
    received = converse(sandbox, send + STATE.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
    assert received.index(b"HTTP/1.1 400") < received.index(b"HTTP/1.1 200")


@pytest.mark.parametrize("split", [1, 7, 60])
def test_pieces_and_chunks_make_one_request(sandbox: RunningSandbox, split: int) -> None:
    body = b'{"kind": "latency", "count": 1}'
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:10], body[10:])) + b"0\r\n\r\n"
    head = b"POST /_control/faults HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    whole = head + chunks
    received = converse(sandbox, *(whole[at : at + split] for at in range(0, len(whole), split)))
    assert received.startswith(b"HTTP/1.1 201")


def test_a_careful_client_is_told_to_continue(sandbox: RunningSandbox) -> None:
    head = b"POST /_control/shares HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\nconnection: close\r\n"
    received = converse(sandbox, head + b"content-length: 2\r\n\r\n", b"{}")
    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")


def test_what_is_not_http_ends_the_connection(sandbox: RunningSandbox) -> None:
    assert converse(sandbox, b"\x16\x03\x01 hello\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_head_has_no_body(sandbox: RunningSandbox) -> None:
    received = converse(sandbox, b"HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 200") and received.endswith(b"\r\n\r\n")


def test_every_answer_is_marked_as_not_real(sandbox: RunningSandbox) -> None:
    assert b"\r\nx-sandbox: not-real\r\n" in converse(sandbox, STATE.replace(b"1.1", b"1.0"))
