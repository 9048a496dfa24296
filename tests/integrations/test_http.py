"""The HTTP client knows, for each way a request can fail, whether it may have been accepted."""

import asyncio
import gzip
import socket

import pytest

from integrations.errors import IntegrationError, NotConfigured, TemporaryFailure, UnexpectedResponse
from integrations.http import HttpClient, HttpResponse
from tests.integrations.raw_server import Behaviour, Exchange, RawServer, answering, raw_server


def client(url: str, *, timeout: float = 0.6, max_response_bytes: int = 1000, connections: int = 4) -> HttpClient:
    return HttpClient(
        url, service="probe", timeout=timeout, max_response_bytes=max_response_bytes, max_connections=connections
    )


def post(behaviour: Behaviour, content: bytes = b"{}") -> tuple[HttpResponse | IntegrationError, RawServer]:
    """One POST against a scripted server: the answer or our error, and what the server saw."""

    async def run() -> tuple[HttpResponse | IntegrationError, RawServer]:
        async with raw_server(behaviour) as server, client(server.url) as http:
            try:
                return await http.request("POST", "/x", content=content, operation="send"), server
            except IntegrationError as error:
                return error, server

    return asyncio.run(run())


def assert_temporary(error: object, code: str, *, accepted_possible: bool) -> None:
    assert type(error) is TemporaryFailure
    assert (error.service, error.operation, error.code) == ("probe", "send", code)
    assert error.accepted_possible is accepted_possible


async def close_unread(exchange: Exchange) -> None:
    exchange.writer.close()


async def reset_after_one_byte(exchange: Exchange) -> None:
    await exchange.reader.readexactly(1)
    exchange.reset()


async def read_then_close(exchange: Exchange) -> None:
    await exchange.read_request()


async def read_then_reset(exchange: Exchange) -> None:
    await exchange.read_request()
    exchange.reset()


async def read_then_hang(exchange: Exchange) -> None:
    await exchange.read_request()
    await asyncio.sleep(10)


async def never_read(exchange: Exchange) -> None:
    await asyncio.sleep(10)


async def half_a_head(exchange: Exchange) -> None:
    await exchange.read_request()
    await exchange.write(b"HTTP/1.1 200 OK\r\nConte")


async def half_a_body_then_close(exchange: Exchange) -> None:
    await exchange.read_request()
    await exchange.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc")


async def half_a_body_then_hang(exchange: Exchange) -> None:
    await half_a_body_then_close(exchange)
    await asyncio.sleep(10)


async def another_protocol(exchange: Exchange) -> None:
    await exchange.read_request()
    await exchange.write(b"SSH-2.0 hello\r\n\r\n")


async def chunked_flood(exchange: Exchange) -> None:
    await exchange.read_request()
    await exchange.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        await exchange.write(b"400\r\n" + b"x" * 0x400 + b"\r\n")


async def compressed_flood(exchange: Exchange) -> None:
    await exchange.read_request()
    await exchange.answer(gzip.compress(b"x" * 10_000_000), headers="content-encoding: gzip\r\n")


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (close_unread, "connection_lost"),
        (reset_after_one_byte, "connection_lost"),
        (read_then_close, "connection_lost"),
        (read_then_reset, "connection_lost"),
        (read_then_hang, "timeout"),
        (never_read, "timeout"),
        (half_a_head, "connection_lost"),
        (half_a_body_then_close, "connection_lost"),
        (half_a_body_then_hang, "timeout"),
    ],
)
def test_after_connecting_every_failure_may_have_been_accepted(behaviour: Behaviour, code: str) -> None:
    error, server = post(behaviour)
    assert_temporary(error, code, accepted_possible=True)
    assert len(server.requests) <= 1


def test_a_large_body_cut_while_it_is_written_may_have_been_accepted() -> None:
    error, _ = post(reset_after_one_byte, content=b"x" * 20_000_000)
    assert_temporary(error, "connection_lost", accepted_possible=True)


def test_a_refused_connection_was_surely_not_accepted() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        async def run() -> None:
            async with client(f"http://127.0.0.1:{port}") as http:
                await http.request("POST", "/x", content=b"{}", operation="send")

        with pytest.raises(TemporaryFailure) as caught:
            asyncio.run(run())
    assert_temporary(caught.value, "connect", accepted_possible=False)


def test_an_unknown_host_was_surely_not_accepted() -> None:
    async def run() -> None:
        async with client("http://nowhere.invalid") as http:
            await http.request("POST", "/x", content=b"{}", operation="send")

    with pytest.raises(TemporaryFailure) as caught:
        asyncio.run(run())
    assert_temporary(caught.value, "connect", accepted_possible=False)


def test_a_host_that_does_not_complete_the_handshake_was_surely_not_accepted() -> None:
    """TLS towards a server that never answers: the connection is not made, so the request was not written."""

    async def run() -> None:
        async with raw_server(never_read) as server, client(server.url.replace("http:", "https:")) as http:
            await http.request("POST", "/x", content=b"{}", operation="send")

    with pytest.raises(TemporaryFailure) as caught:
        asyncio.run(run())
    assert_temporary(caught.value, "connect", accepted_possible=False)


def test_waiting_for_a_free_connection_was_surely_not_accepted() -> None:
    async def run() -> list[bool]:
        async with raw_server(read_then_hang) as server, client(server.url, connections=1) as http:
            first = asyncio.create_task(http.request("POST", "/x", content=b"1", operation="send"))
            while not server.requests:
                await asyncio.sleep(0.005)
            second = asyncio.create_task(http.request("POST", "/x", content=b"2", operation="send"))
            results = await asyncio.gather(first, second, return_exceptions=True)
            sent = [request[-1:] for request in server.requests]
            flags = [error.accepted_possible for error in results if isinstance(error, TemporaryFailure)]
            # The second either waited in vain (surely not sent), or got the place of the first and was sent itself.
            assert flags[1] is (b"2" in sent)
            return flags

    assert asyncio.run(run())[0] is True


def test_a_request_on_a_reused_connection_that_dies_is_not_sent_again() -> None:
    async def answer_once_then_die(exchange: Exchange) -> None:
        await exchange.read_request()
        await exchange.answer(b"{}")
        await exchange.read_request()
        exchange.reset()

    async def run() -> RawServer:
        async with raw_server(answer_once_then_die) as server, client(server.url) as http:
            assert (await http.request("POST", "/x", content=b"1", operation="send")).status == 200
            with pytest.raises(TemporaryFailure) as caught:
                await http.request("POST", "/x", content=b"2", operation="send")
            assert_temporary(caught.value, "connection_lost", accepted_possible=True)
            await asyncio.sleep(0.05)
            return server

    server = asyncio.run(run())
    assert [request[-1:] for request in server.requests] == [b"1", b"2"]
    assert server.connections == 1


def test_a_cancelled_request_is_not_sent_later() -> None:
    async def run() -> tuple[int, int]:
        async with raw_server(read_then_hang) as server, client(server.url, connections=3) as http:
            tasks = [asyncio.create_task(http.request("POST", "/x", content=b"1")) for _ in range(10)]
            while len(server.requests) < 3:
                await asyncio.sleep(0.005)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            seen = len(server.requests)
            await asyncio.sleep(0.2)
            return seen, len(server.requests)

    assert asyncio.run(run()) == (3, 3)


@pytest.mark.parametrize("behaviour", [chunked_flood, compressed_flood])
def test_an_oversize_answer_is_cut_off(behaviour: Behaviour) -> None:
    error, _ = post(behaviour)
    assert type(error) is UnexpectedResponse
    assert (error.code, error.accepted_possible) == ("too_large", True)


def test_an_answer_that_is_not_http() -> None:
    error, _ = post(another_protocol)
    assert type(error) is UnexpectedResponse
    assert (error.code, error.accepted_possible) == ("not_http", True)


@pytest.mark.parametrize(
    ("status", "accepted_possible"), [("200 OK", True), ("404 Not Found", False), ("502 Bad Gateway", True)]
)
def test_a_body_that_is_not_json(status: str, accepted_possible: bool) -> None:
    response, _ = post(answering(b"<html>", status))
    assert isinstance(response, HttpResponse)
    assert response.json_object() == {}
    with pytest.raises(UnexpectedResponse) as caught:
        response.json()
    assert (caught.value.code, caught.value.accepted_possible) == ("not_json", accepted_possible)


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    response, server = post(answering(b"", "307 Temporary Redirect", "location: http://169.254.169.254/\r\n"))
    assert isinstance(response, HttpResponse)
    assert (response.status, response.ok, server.connections) == (307, False, 1)


def test_bodies_and_headers_arrive_as_given() -> None:
    async def run() -> list[bytes]:
        async with raw_server(answering(b"[1]", headers="X-Thing: Yes\r\n")) as server:
            async with HttpClient(server.url + "/v1/", service="probe", headers={"apikey": "k"}) as http:
                answer = await http.request("POST", "/a", json={"ç": 1}, headers={"Idempotency-Key": "abc"})
                assert (answer.json(), answer.headers["x-thing"]) == ([1], "Yes")
                await http.request("POST", "/b", form={"To": "+55 11", "é": "&"})
                await http.request("GET", f"{server.url}/v1/c")
            return server.requests

    as_json, as_form, plain = asyncio.run(run())
    assert as_json.startswith(b"POST /v1/a HTTP/1.1\r\n") and as_json.endswith('{"ç":1}'.encode())
    assert b"idempotency-key: abc" in as_json.lower() and b"apikey: k" in as_json.lower()
    assert as_form.endswith(b"To=%2B55+11&%C3%A9=%26")
    assert plain.startswith(b"GET /v1/c HTTP/1.1\r\n")


def test_closing_leaves_no_connection_behind() -> None:
    async def run() -> None:
        async with raw_server(answering(b"{}")) as server:
            http = client(server.url)
            await http.request("GET", "/")
            await http.aclose()
            await asyncio.wait_for(server.closed_by_client.wait(), 2)
            with pytest.raises(TemporaryFailure) as caught:
                await http.request("GET", "/", operation="send")
            assert_temporary(caught.value, "closed", accepted_possible=False)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("0", 0.0), ("1.5", 1.5), ("-3", 5.0), ("nan", 5.0), ("soon", 5.0), ("999999999", 86400.0), ("", 5.0)],
)
def test_retry_after(value: str, seconds: float) -> None:
    assert HttpResponse("probe", "send", 429, {"retry-after": value}, b"").retry_after(5.0) == seconds


def test_retry_after_in_the_past_and_as_a_date() -> None:
    response = HttpResponse("probe", "send", 429, {"retry-after": "Wed, 01 Jan 2020 00:00:00 GMT"}, b"")
    assert response.retry_after(5.0) == 5.0
    later = HttpResponse("probe", "send", 429, {"retry-after": "Fri, 01 Jan 2100 00:00:00 GMT"}, b"")
    assert later.retry_after(5.0) == 86400.0


@pytest.mark.parametrize("url", ["ftp://a", "file:///etc/passwd", "https://", ""])
def test_only_http_urls(url: str) -> None:
    with pytest.raises(NotConfigured):
        HttpClient(url, service="probe")
