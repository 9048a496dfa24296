"""Sends SMS and WhatsApp messages through Twilio's official SDK, over our own HTTP client.

The SDK speaks the wire protocol; `SdkTransport` gives it our timeouts, limits and exact network errors, and never
retries. Twilio has no idempotency key: the status callback URL carries our reference, so an unknown outcome is settled
by its callback. Searching the message list instead would find only (To, From, date), which two campaigns may share.
"""

import base64
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response as SdkResponse
from twilio.rest import Client

from integrations.capabilities.messages import Accepted, OutboundMessage, Recovery
from integrations.errors import (
    AuthenticationFailed,
    IntegrationError,
    RateLimited,
    Refused,
    TemporaryFailure,
    UnexpectedResponse,
)
from integrations.facts import ConnectionFacts
from integrations.http import HttpClient, HttpResponse
from integrations.twilio.codes import SUPPRESS

SERVICE = "twilio"
BASE_URL = "https://api.twilio.com"
WHATSAPP = "whatsapp:"

_ACCOUNT = frozenset({20003, 20005, 20404, 20426, 21606, 21660})  # credentials, suspended, unknown account or sender
_RATE: Mapping[int, float] = {20429: 2.0, 21611: 60.0, 30001: 60.0, 63018: 60.0}  # code → seconds to wait

silent = logging.getLogger("integrations.twilio.sdk")
silent.disabled = True  # the SDK logs query strings; our own records say what happened


@dataclass(frozen=True, slots=True)
class Credentials:
    """With what the SDK logs in, and for which account."""

    user: str
    password: str
    account: str


def credentials(connection: ConnectionFacts) -> Credentials:
    """The connection's. Raises `NotConfigured`."""
    account = connection.setting("account_sid")
    key = connection.settings.get("api_key_sid") or account
    return Credentials(key, connection.secret("auth_token"), account)


class Sent:
    """One request of the SDK as our client takes it."""

    def __init__(
        self,
        method: str,
        uri: str,
        params: Mapping[str, object] | None,
        data: Mapping[str, object] | None,
        headers: Mapping[str, str] | None,
        auth: tuple[str, str] | None,
    ) -> None:
        self.url = f"{uri}?{urlencode(params)}" if params else uri
        self.form = _form(data) if method != "GET" else None
        self.headers = {name: value for name, value in (headers or {}).items() if name.lower() != "content-type"}
        if auth is not None:
            self.headers["authorization"] = "Basic " + base64.b64encode(f"{auth[0]}:{auth[1]}".encode()).decode()


def sdk_answer(response: HttpResponse) -> SdkResponse:
    """The answer as the SDK takes it.

    It throws away the headers of an error, so what needs them (Retry-After) is decided here. Raises `integrations.errors`.
    """
    if response.ok:
        response.json()  # raises UnexpectedResponse by name before the SDK trips over it
    elif (error := early_failure(response)) is not None:
        raise error
    return SdkResponse(response.status, response.body.decode("utf-8", "replace"), dict(response.headers))


class SdkTransport(AsyncHttpClient):
    """What the SDK uses to reach the network: one attempt through `HttpClient`, whose errors pass through unchanged."""

    def __init__(self, http: HttpClient) -> None:
        super().__init__(silent, True)
        self._http = http

    async def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the SDK's signature
        allow_redirects: bool = False,
    ) -> SdkResponse:
        """Perform one request of the SDK. Raises `integrations.errors`."""
        sent = Sent(method, uri, params, data, headers, auth)
        response = await self._http.request(method, sent.url, operation="send", form=sent.form, headers=sent.headers)
        return sdk_answer(response)


class TwilioClient:
    """The message channel of one Twilio account, for SMS or WhatsApp."""

    recovery = Recovery.CALLBACK
    dedupe_for = timedelta(0)

    def __init__(self, connection: ConnectionFacts) -> None:
        base_url = connection.setting("base_url", BASE_URL).rstrip("/")
        self._prefix = WHATSAPP if connection.setting("channel", "sms") == "whatsapp" else ""
        self._callback = connection.webhook_url
        self._http = HttpClient(base_url, service=SERVICE)
        own = credentials(connection)
        self._sdk = Client(own.user, own.password, own.account, http_client=SdkTransport(self._http))
        self._sdk.api.base_url = base_url

    async def send(self, message: OutboundMessage) -> Accepted:
        """POST …/Messages.json. Raises `integrations.errors`."""
        arguments = self._arguments(message)
        try:
            sent = await self._sdk.messages.create_async(**arguments)
        except TwilioException as error:
            raise twilio_failure(error, "send") from None
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # how the SDK meets an odd body
            raise UnexpectedResponse(SERVICE, "send", "sdk", repr(error), accepted_possible=True) from None
        if not isinstance(sent.sid, str) or not sent.sid:
            raise UnexpectedResponse(SERVICE, "send", "http_201", "the answer has no sid", accepted_possible=True)
        return Accepted(sent.sid)

    def _arguments(self, message: OutboundMessage) -> dict[str, Any]:
        """The SDK's arguments for one message: template, else text with an optional file."""
        arguments: dict[str, Any] = {"to": self._prefix + message.to}
        if message.sender.startswith("MG"):
            arguments["messaging_service_sid"] = message.sender
        else:
            arguments["from_"] = self._prefix + message.sender.removeprefix(WHATSAPP)
        if message.template is not None:
            variables = {str(place): text for place, text in enumerate(message.template.parameters, start=1)}
            arguments["content_sid"] = message.template.name
            arguments["content_variables"] = orjson.dumps(variables).decode()
        else:
            arguments["body"] = message.text
        if message.media_url:
            arguments["media_url"] = [message.media_url]
        if urlsplit(self._callback).hostname:
            arguments["status_callback"] = f"{self._callback}?{urlencode({'reference': message.reference})}"
        return arguments

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()


def _form(fields: Mapping[str, object] | None) -> dict[str, str | list[str]] | None:
    """The SDK's fields as form values."""
    if fields is None:
        return None
    return {
        name: [str(item) for item in value] if isinstance(value, list) else str(value) for name, value in fields.items()
    }


def early_failure(response: HttpResponse) -> IntegrationError | None:
    """The errors that depend on headers or on the bare status; the rest is left to the SDK's exceptions."""
    code = response.json_object().get("code")
    if response.status == 429 or code in _RATE:
        wait = response.retry_after(_RATE.get(code, 2.0) if isinstance(code, int) else 2.0)
        return RateLimited(SERVICE, response.operation, str(code or "http_429"), "too many requests", retry_after=wait)
    if 300 <= response.status < 400:
        return response.surprise()
    return None


def twilio_failure(error: TwilioException, operation: str) -> IntegrationError:
    """Our error for the SDK's."""
    if isinstance(error, TwilioRestException):
        status, code, text = error.status, error.code or 0, error.msg
    elif isinstance(error, TwilioServiceException):
        status, code, text = error.status, error.code, error.detail or error.title
    else:
        return UnexpectedResponse(SERVICE, operation, "sdk", str(error), accepted_possible=True)
    name = str(code or f"http_{status}")
    if code in SUPPRESS:
        return Refused(SERVICE, operation, name, text, suppress=SUPPRESS[code])
    if code in _ACCOUNT or status in (401, 403):
        return AuthenticationFailed(SERVICE, operation, name, text)
    if status >= 500:
        return TemporaryFailure(SERVICE, operation, name, text, accepted_possible=True)
    if code == status:  # the SDK found no error of Twilio's in the body
        return UnexpectedResponse(SERVICE, operation, f"http_{status}", text)
    return Refused(SERVICE, operation, name, text)


def build(connection: ConnectionFacts) -> TwilioClient:
    """The client for one connection. Raises `NotConfigured`."""
    return TwilioClient(connection)
