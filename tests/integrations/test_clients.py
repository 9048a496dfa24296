"""Each client turns each answer of its provider into what the caller must do. Real HTTP, scripted answers."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from integrations.capabilities.messages import Accepted, Recovery, open_channel
from integrations.errors import (
    IntegrationError,
    RateLimited,
    Refused,
    SuppressReason,
    TemporaryFailure,
    UnexpectedResponse,
)
from tests.integrations.channel_probe import ACCEPTED, SECRETS, facts, send, send_answered
from tests.integrations.raw_server import Exchange

REQUIRED: Mapping[str, tuple[tuple[str | int, ...], ...]] = {
    "whatsapp_cloud": (("messages",), ("messages", 0), ("messages", 0, "id")),
    "evolution": (("key",), ("key", "id")),
    "twilio": (("sid",),),
    "resend": (("id",),),
}
SERVICES = tuple(ACCEPTED)


def graph(code: int, **more: Any) -> dict[str, Any]:
    return {"error": {"message": f"(#{code}) text", "type": "OAuthException", "code": code, **more}}


def twilio(code: int, status: int) -> dict[str, Any]:
    return {"code": code, "message": "text", "more_info": "https://www.twilio.com", "status": status}


def evolution(status: int, message: Any) -> dict[str, Any]:
    return {"status": status, "error": "Bad Request", "response": {"message": message}}


def resend(status: int, name: str, text: str = "text") -> dict[str, Any]:
    return {"statusCode": status, "name": name, "message": text}


def without(body: Any, path: tuple[str | int, ...]) -> Any:
    """The body with one required field removed."""
    copy = orjson.loads(orjson.dumps(body))
    place = copy
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return copy


def described(result: Accepted | IntegrationError) -> tuple[Any, ...]:
    """An outcome as a tuple of all that the caller decides by."""
    match result:
        case Accepted():
            return ("accepted", result.provider_id)
        case RateLimited():
            return ("limited", result.code, result.retry_after, result.scope, result.accepted_possible)
        case TemporaryFailure() | UnexpectedResponse():
            return (type(result).__name__, result.code, result.accepted_possible)
        case Refused():
            return ("refused", result.code, result.suppress)
    return (type(result).__name__, result.code)


@pytest.mark.parametrize("service", SERVICES)
def test_an_acceptance(service: str) -> None:
    status, body, provider_id = ACCEPTED[service]
    assert send_answered(service, status, body) == Accepted(provider_id)


@pytest.mark.parametrize(
    ("service", "path"), [(service, path) for service in SERVICES for path in REQUIRED[service]], ids=str
)
def test_an_acceptance_without_a_required_field_is_unexpected(service: str, path: tuple[str | int, ...]) -> None:
    status, body, _ = ACCEPTED[service]
    result = send_answered(service, status, without(body, path))
    assert described(result) == ("UnexpectedResponse", f"http_{status}", True)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b"<html>ok</html>", ("UnexpectedResponse", "not_json", True)),
        (200, b"", ("UnexpectedResponse", "not_json", True)),
        (200, b"[]", None),
        (302, b"", ("UnexpectedResponse", "http_302", False)),
        (418, b"{}", ("UnexpectedResponse", "http_418", False)),
        (502, b"<html>Bad Gateway</html>", ("TemporaryFailure", None, True)),
        (504, b"", ("TemporaryFailure", None, True)),
    ],
)
def test_answers_that_no_documentation_knows(
    service: str, status: int, body: bytes, expected: tuple[Any, ...] | None
) -> None:
    found = described(send_answered(service, status, body))
    if expected is None:
        assert (found[0], found[2]) == ("UnexpectedResponse", True)
    elif expected[1] is None:
        assert (found[0], found[2]) == (expected[0], expected[2])
    else:
        assert found == expected


GRAPH_CODES: list[tuple[int, int, tuple[Any, ...]]] = [
    (429, 130429, ("limited", "130429", 5.0, "sender", False)),
    (429, 80007, ("limited", "80007", 60.0, "sender", False)),
    (429, 4, ("limited", "4", 60.0, "sender", False)),
    (400, 130429, ("limited", "130429", 5.0, "sender", False)),
    (400, 131064, ("limited", "131064", 3600.0, "sender", False)),
    (429, 131056, ("limited", "131056", 6.0, "recipient", False)),
    (400, 131026, ("refused", "131026", SuppressReason.UNREGISTERED)),
    (400, 131050, ("refused", "131050", SuppressReason.OPTED_OUT)),
    (429, 131048, ("refused", "131048", None)),
    (400, 131049, ("refused", "131049", None)),
    (400, 131047, ("refused", "131047", None)),
    (400, 131021, ("refused", "131021", None)),
    (400, 131053, ("refused", "131053", None)),
    (400, 100, ("refused", "100", None)),
    (404, 132001, ("refused", "132001", None)),
    (400, 132015, ("refused", "132015", None)),
    (400, 999999, ("refused", "999999", None)),
    (401, 190, ("AuthenticationFailed", "190")),
    (400, 190, ("AuthenticationFailed", "190")),
    (403, 10, ("AuthenticationFailed", "10")),
    (403, 200, ("AuthenticationFailed", "200")),
    (403, 368, ("AuthenticationFailed", "368")),
    (403, 131031, ("AuthenticationFailed", "131031")),
    (400, 131042, ("AuthenticationFailed", "131042")),
    (500, 131016, ("TemporaryFailure", "131016", False)),
    (500, 131057, ("TemporaryFailure", "131057", False)),
    (503, 2, ("TemporaryFailure", "2", False)),
    (500, 131000, ("TemporaryFailure", "131000", True)),
    (400, 131000, ("TemporaryFailure", "131000", False)),
    (500, 1, ("TemporaryFailure", "1", True)),
    (200, 131047, ("refused", "131047", None)),
]


@pytest.mark.parametrize(("status", "code", "expected"), GRAPH_CODES)
def test_whatsapp_cloud_errors(status: int, code: int, expected: tuple[Any, ...]) -> None:
    assert described(send_answered("whatsapp_cloud", status, graph(code))) == expected


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, {}, ("AuthenticationFailed", "http_401")),
        (403, {}, ("AuthenticationFailed", "http_403")),
        (429, {}, ("limited", "http_429", 5.0, "sender", False)),
        (404, {}, ("UnexpectedResponse", "http_404", False)),
        (400, {"error": {"message": "no code"}}, ("refused", "http_400", None)),
    ],
)
def test_whatsapp_cloud_errors_without_a_code(status: int, body: Any, expected: tuple[Any, ...]) -> None:
    assert described(send_answered("whatsapp_cloud", status, body)) == expected


def test_whatsapp_cloud_waits_as_long_as_told_and_quotes_the_details() -> None:
    body = graph(130429, error_data={"details": "Cloud API message throughput has been reached."})
    result = send_answered("whatsapp_cloud", 429, body, "retry-after: 17\r\n")
    assert isinstance(result, RateLimited)
    assert (result.retry_after, result.text) == (17.0, "Cloud API message throughput has been reached.")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (
            400,
            evolution(400, [{"exists": False, "jid": "x", "number": "5511"}]),
            ("refused", "not_on_whatsapp", SuppressReason.UNREGISTERED),
        ),
        (400, evolution(400, [['instance requires property "number"']]), ("refused", "http_400", None)),
        (400, evolution(400, ["Method not available on WhatsApp Baileys"]), ("refused", "http_400", None)),
        (400, evolution(400, ["Error: Connection Closed"]), ("TemporaryFailure", "http_400", False)),
        (400, evolution(400, ["Error: Timed Out"]), ("TemporaryFailure", "http_400", True)),
        (
            400,
            evolution(400, ["PrismaClientKnownRequestError: \nInvalid `create()`"]),
            ("TemporaryFailure", "http_400", True),
        ),
        (500, evolution(500, "Connection Closed"), ("TemporaryFailure", "http_500", False)),
        (500, evolution(500, "Internal Server Error"), ("TemporaryFailure", "http_500", True)),
        (401, evolution(401, "Unauthorized"), ("AuthenticationFailed", "http_401")),
        (403, evolution(403, "Forbidden"), ("AuthenticationFailed", "http_403")),
        (404, evolution(404, ['The "loja" instance does not exist']), ("AuthenticationFailed", "instance_unknown")),
        (429, {}, ("limited", "http_429", 5.0, "sender", False)),
        # The WhatsApp-Business channel answers 201 with Meta's error inside.
        (201, graph(131047), ("refused", "131047", None)),
        (
            201,
            {"message": "(#131056)", "type": "OAuthException", "code": 131056},
            ("limited", "131056", 6.0, "recipient", False),
        ),
    ],
)
def test_evolution_errors(status: int, body: Any, expected: tuple[Any, ...]) -> None:
    assert described(send_answered("evolution", status, body)) == expected


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, twilio(21610, 400), ("refused", "21610", SuppressReason.OPTED_OUT)),
        (400, twilio(21211, 400), ("refused", "21211", SuppressReason.INVALID_ADDRESS)),
        (400, twilio(21614, 400), ("refused", "21614", SuppressReason.INVALID_ADDRESS)),
        (400, twilio(63024, 400), ("refused", "63024", SuppressReason.UNREGISTERED)),
        (400, twilio(63016, 400), ("refused", "63016", None)),
        (400, twilio(21408, 400), ("refused", "21408", None)),
        (401, twilio(20003, 401), ("AuthenticationFailed", "20003")),
        (403, twilio(20005, 403), ("AuthenticationFailed", "20005")),
        (404, twilio(20404, 404), ("AuthenticationFailed", "20404")),
        (429, twilio(20429, 429), ("limited", "20429", 2.0, "sender", False)),
        (429, {}, ("limited", "http_429", 2.0, "sender", False)),
        (400, twilio(63018, 400), ("limited", "63018", 60.0, "sender", False)),
        (400, twilio(21611, 400), ("limited", "21611", 60.0, "sender", False)),
        (500, twilio(20500, 500), ("TemporaryFailure", "20500", True)),
        (503, twilio(20503, 503), ("TemporaryFailure", "20503", True)),
        (
            400,
            {"type": "https://x", "title": "Opted out", "status": 400, "code": 21610, "detail": "text"},
            ("refused", "21610", SuppressReason.OPTED_OUT),
        ),
    ],
)
def test_twilio_errors(status: int, body: Any, expected: tuple[Any, ...]) -> None:
    assert described(send_answered("twilio", status, body)) == expected


def test_twilio_waits_as_long_as_told() -> None:
    result = send_answered("twilio", 429, twilio(20429, 429), "retry-after: 3\r\n")
    assert described(result) == ("limited", "20429", 3.0, "sender", False)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (429, resend(429, "rate_limit_exceeded"), ("limited", "rate_limit_exceeded", 1.0, "sender", False)),
        (429, resend(429, "daily_quota_exceeded"), ("AuthenticationFailed", "daily_quota_exceeded")),
        (429, resend(429, "monthly_quota_exceeded"), ("AuthenticationFailed", "monthly_quota_exceeded")),
        (
            409,
            resend(409, "concurrent_idempotent_requests"),
            ("TemporaryFailure", "concurrent_idempotent_requests", True),
        ),
        (409, resend(409, "invalid_idempotent_request"), ("AcceptedBefore", "invalid_idempotent_request")),
        (422, resend(422, "validation_error"), ("refused", "validation_error", None)),
        (
            422,
            resend(422, "validation_error", "Invalid `to` field. The email address needs to follow the format."),
            ("refused", "validation_error", SuppressReason.INVALID_ADDRESS),
        ),
        (401, resend(401, "missing_api_key"), ("AuthenticationFailed", "missing_api_key")),
        (403, resend(403, "invalid_api_key"), ("AuthenticationFailed", "invalid_api_key")),
        (500, resend(500, "application_error"), ("TemporaryFailure", "application_error", True)),
        (404, {}, ("UnexpectedResponse", "http_404", False)),
    ],
)
def test_resend_errors(status: int, body: Any, expected: tuple[Any, ...]) -> None:
    assert described(send_answered("resend", status, body)) == expected


@pytest.mark.parametrize("service", SERVICES)
def test_a_lost_answer_may_have_been_accepted_and_is_asked_for_once(service: str) -> None:
    async def read_then_reset(exchange: Exchange) -> None:
        await exchange.read_request()
        exchange.reset()

    result, server = send(service, read_then_reset)
    assert described(result) == ("TemporaryFailure", "connection_lost", True)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("service", "recovery"),
    [
        ("whatsapp_cloud", Recovery.CALLBACK),
        ("evolution", Recovery.NONE),
        ("twilio", Recovery.CALLBACK),
        ("resend", Recovery.DEDUPE),
    ],
)
def test_what_a_crash_may_rely_on(service: str, recovery: Recovery) -> None:
    assert open_channel(facts(service, "https://example.com")).recovery is recovery


@pytest.mark.parametrize("service", SERVICES)
def test_no_error_and_no_client_shows_a_secret(service: str) -> None:
    """The provider quotes the credentials in its error, as some do."""
    quoted = " ".join(SECRETS[service].values())
    connection = facts(service, "https://example.com")
    shown = repr(connection) + repr(open_channel(connection))
    for status in (400, 401, 500):
        for body in (graph(1234, error_data={"details": quoted}), resend(status, "x", quoted), quoted.encode()):
            error = send_answered(service, status, body)
            assert isinstance(error, IntegrationError)
            shown += str(error) + repr(error) + repr(vars(error))
    for secret in SECRETS[service].values():
        assert secret not in shown
    assert "***" in shown


def test_credentials_of_others_are_masked_by_their_look() -> None:
    error = Refused("x", "send", "1", "Bearer abcdefghij and access_token=EAAB123 and {'api_key': 'xyz12345'}")
    assert error.text == "Bearer *** and access_token=*** and {'api_key': '***'}"
