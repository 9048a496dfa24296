"""What all services of Meta's Graph API share: the SDK tamed, codes, usage headers, hashes."""

import hashlib
import hmac
import sys
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from facebook_business.adobjects.serverside.normalize import Normalize
from facebook_business.api import FacebookAdsApi
from hypothesis import given
from hypothesis import strategies as st

from integrations.calling import gate
from integrations.errors import (
    AuthenticationFailed,
    IntegrationError,
    RateLimited,
    Refused,
    TemporaryFailure,
    UnexpectedResponse,
)
from integrations.facts import ConnectionFacts
from integrations.meta_graph.client import Graph
from integrations.meta_graph.errors import graph_failure
from integrations.meta_graph.hashing import hashed_email, hashed_name, hashed_phone, is_hash
from integrations.meta_graph.usage import Usage, usage_of
from tests.integrations.sandbox.receiver import Receiver

BUSINESS = '{"1":[{"type":"ads_insights","call_count":95,"total_time":20,"estimated_time_to_regain_access":%d}]}'


@pytest.fixture(autouse=True)
def fresh_gate() -> Iterator[None]:
    gate.forget_connections()
    for key in gate._client().scan_iter("calls:meta_*"):
        gate._client().delete(key)
    yield
    gate.forget_connections()


def graph(url: str, **secrets: str) -> Graph:
    settings = {"base_url": url, "pixel_id": "3"}
    return Graph(
        ConnectionFacts(
            4, "meta_pixel", "k", settings, secrets={"access_token": "EAAtoken", "app_secret": "s3cret", **secrets}
        )
    )


@pytest.mark.parametrize(
    ("headers", "usage"),
    [
        ({}, Usage()),
        ({"X-Business-Use-Case-Usage": BUSINESS % 0}, Usage(95)),
        ({"x-business-use-case-usage": BUSINESS % 7}, Usage(95, 420)),
        ({"X-Ad-Account-Usage": '{"acc_id_util_pct":9.67,"reset_time_duration":100}'}, Usage(9.67)),
        ({"X-Ad-Account-Usage": '{"acc_id_util_pct":100,"reset_time_duration":100}'}, Usage(100, 100)),
        ({"X-App-Usage": '{"call_count":28,"total_time":25,"total_cputime":25}'}, Usage(28)),
        ({"x-fb-ads-insights-throttle": '{"app_id_util_pct":3.5,"acc_id_util_pct":0}'}, Usage(3.5)),
        ({"X-App-Usage": "not json", "x-business-use-case-usage": '["a"]'}, Usage()),
        ({"x-business-use-case-usage": '{"1":[{"call_count":"9","estimated_time_to_regain_access":-4},7]}'}, Usage()),
    ],
)
def test_usage_headers(headers: dict[str, str], usage: Usage) -> None:
    assert usage_of(headers) == usage


@pytest.mark.parametrize(
    ("status", "error", "kind", "code"),
    [
        (400, {"code": 17, "error_subcode": 2446079}, RateLimited, "17/2446079"),
        (400, {"code": 80004}, RateLimited, "80004"),
        (400, {"code": 613, "error_subcode": 1996}, RateLimited, "613/1996"),
        (403, {"code": 4, "error_subcode": 1504022}, RateLimited, "4/1504022"),
        (500, {"code": 2, "is_transient": True}, TemporaryFailure, "2"),
        (400, {"code": 99, "is_transient": True}, TemporaryFailure, "99"),
        (400, {"code": 190, "error_subcode": 463}, AuthenticationFailed, "190/463"),
        (400, {"code": 102}, AuthenticationFailed, "102"),
        (400, {"code": 294}, AuthenticationFailed, "294"),
        (403, {"code": 368}, AuthenticationFailed, "368"),
        (400, {"code": 100, "error_subcode": 1487534}, Refused, "100/1487534"),
        (400, {"code": 506}, Refused, "506"),
        (503, {}, TemporaryFailure, "http_503"),
        (400, {"code": "odd"}, Refused, "http_400"),
    ],
)
def test_codes(status: int, error: dict[str, object], kind: type[IntegrationError], code: str) -> None:
    found = graph_failure("meta_ads", "campaigns", status, {**error, "message": "no", "fbtrace_id": "Abc"})
    assert (type(found), found.code, found.text) == (kind, code, "no (trace Abc)")
    if type(found) is TemporaryFailure:
        assert found.accepted_possible


def test_the_wait_that_a_header_names_is_believed_above_the_usual_one() -> None:
    error = {"code": 80004}
    waits = [graph_failure("meta_ads", "x", 400, error, wait=wait) for wait in (0.0, 900.0)]
    assert [each.retry_after for each in waits if isinstance(each, RateLimited)] == [300.0, 900.0]


@given(st.emails(), st.integers(10**9, 10**14))
def test_hashes_are_those_of_the_sdk(address: str, number: int) -> None:
    assert hashed_email(f" {address} ") == Normalize.normalize("em", address, True)
    written = f"+{number}"
    assert hashed_phone(written) == Normalize.normalize("ph", written, True)


def test_names_and_hashes() -> None:
    assert hashed_name(" D'Ávila ") == hashlib.sha256("dávila".encode()).hexdigest()
    assert hashed_email("") == hashed_phone("") == ""
    assert is_hash(hashed_email("a@b.co"))
    assert not is_hash("a@b.co")


@pytest.mark.django_db
def test_the_token_is_in_no_address_and_nothing_is_global(receiver: Receiver) -> None:
    receiver.answer = lambda taken: (200, b'{"id":"3"}')
    hook = sys.excepthook
    assert graph(receiver.url).get("pixel", "3", params={"fields": "id", "list": ["a"], "no": None}) == {"id": "3"}
    (taken,) = receiver.taken
    query = parse_qs(urlsplit(taken.target).query)
    proof = hmac.new(b"s3cret", b"EAAtoken", hashlib.sha256).hexdigest()
    assert query == {"fields": ["id"], "list": ['["a"]'], "appsecret_proof": [proof]}
    assert taken.headers["authorization"] == "Bearer EAAtoken"
    assert urlsplit(taken.target).path == "/v26.0/3"
    assert FacebookAdsApi.get_default_api() is None
    assert sys.excepthook is hook


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"<html>success</html>", UnexpectedResponse),
        (200, b"<html>error</html>", UnexpectedResponse),
        (200, b"true", UnexpectedResponse),
        (200, b'{"error": "text"}', UnexpectedResponse),
        (200, b'{"error": {"code": 2, "error_data": "no json"}}', UnexpectedResponse),
        (302, b"", UnexpectedResponse),
        (400, b'{"data": []}', UnexpectedResponse),
        (404, b"", UnexpectedResponse),
    ],
)
def test_answers_over_which_the_sdk_stumbles(
    receiver: Receiver, status: int, body: bytes, kind: type[Exception]
) -> None:
    receiver.answer = lambda taken: (status, body)
    with pytest.raises(kind):
        graph(receiver.url).get("pixel", "3")
    assert len(receiver.taken) == 1


@pytest.mark.django_db
def test_pages_end_without_next_and_never_without_a_cursor(receiver: Receiver) -> None:
    pages = [
        b'{"data":[{"id":"1"}],"paging":{"cursors":{"after":"A"},"next":"http://x"}}',
        b'{"data":[],"paging":{"cursors":{"after":"B"},"next":"http://x"}}',
        b'{"data":[{"id":"2"}],"paging":{"cursors":{"after":"C"}}}',
    ]
    receiver.answer = lambda taken: (200, pages[len(receiver.taken) - 1])
    assert [row["id"] for row in graph(receiver.url).pages("stats", "3", "stats")] == ["1", "2"]
    afters = [parse_qs(urlsplit(taken.target).query).get("after") for taken in receiver.taken]
    assert afters == [None, ["A"], ["B"]]
    pages.append(b'{"data":[],"paging":{"next":"http://x"}}')
    with pytest.raises(UnexpectedResponse):
        list(graph(receiver.url).pages("stats", "3", "stats"))
