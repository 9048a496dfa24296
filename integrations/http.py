"""The HTTP clients, for a loop and for a thread: fast, bounded, and exact about whether a failed request may have been accepted.

Built on pyreqwest (see docs/decisions/0100-http-client.md). One client belongs to one event loop in one process and is
made after the fork; pyreqwest itself refuses to run in a child whose parent has used it. Redirects are never followed
and proxies of the environment are ignored: a message goes to the host that the connection names, or nowhere.
"""

import email.utils
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

import orjson
from pyreqwest import exceptions as failures
from pyreqwest.client import BaseClientBuilder, Client, ClientBuilder, SyncClient, SyncClientBuilder
from pyreqwest.request import BaseRequestBuilder

from integrations.errors import NotConfigured, TemporaryFailure, UnexpectedResponse

DEFAULT_TIMEOUT = 30.0  # seconds, for the whole exchange
CONNECT_TIMEOUT = 10.0  # seconds; shorter than the whole so that a dead host is told apart from a slow answer
MAX_RESPONSE_BYTES = 1024 * 1024
LONGEST_RETRY_AFTER = 24 * 3600.0  # seconds; a provider's larger wish is capped

Builder = TypeVar("Builder", bound=BaseClientBuilder)
RequestBuilder = TypeVar("RequestBuilder", bound=BaseRequestBuilder)

# pyreqwest raises ConnectError and ConnectTimeoutError for whatever fails before the response head, also after the
# request was written. Only this text in the chain of causes (hyper-util's error kind) proves that the connection was
# never made. tests/integrations/test_http.py holds it against real sockets.
_CONNECT_PHASE = "client error (Connect)"


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete answer of at most `max_response_bytes`. Header names are looked up in any case."""

    service: str
    operation: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON. Raises `UnexpectedResponse`; after a 2xx the request may have been accepted."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise UnexpectedResponse(
                self.service,
                self.operation,
                "not_json",
                f"HTTP {self.status} with a body that is not JSON",
                accepted_possible=self.ok or self.status >= 500,
            ) from None

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object, or an empty one when it is anything else: for reading error envelopes."""
        try:
            found = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return {}
        return found if isinstance(found, dict) else {}

    def retry_after(self, default: float) -> float:
        """Seconds that the service asks to wait (`Retry-After` as number or date), else `default`."""
        value = self.headers.get("retry-after", "")
        if not value:
            return default
        try:
            seconds = float(value)
        except ValueError:
            try:
                seconds = (email.utils.parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
            except (ValueError, TypeError):
                return default
        if not seconds >= 0:  # also refuses nan
            return default
        return min(seconds, LONGEST_RETRY_AFTER)

    def surprise(self, text: str = "") -> UnexpectedResponse:
        """The error for an answer that the documentation does not know."""
        return UnexpectedResponse(
            self.service,
            self.operation,
            f"http_{self.status}",
            text or f"HTTP {self.status}: {self.body[:120].decode('utf-8', 'replace')}",
            accepted_possible=self.ok or self.status >= 500,
        )


@dataclass(frozen=True, slots=True)
class _Exchanges:
    """What both clients share: where requests go, how they are written, and what their failures mean."""

    service: str
    base_url: str
    max_response_bytes: int

    def url(self, path: str) -> str:
        """The whole URL of a path, or the path itself when it is one below the base URL."""
        return path if path.startswith(self.base_url + "/") else self.base_url + path

    def written(
        self,
        builder: RequestBuilder,
        json: object,
        form: Mapping[str, str | list[str]] | None,
        content: bytes | None,
        headers: Mapping[str, str] | None,
    ) -> RequestBuilder:
        """The request with its body and headers."""
        if json is not None:
            builder = builder.header("content-type", "application/json").body_bytes(orjson.dumps(json))
        elif form is not None:
            builder = builder.header("content-type", "application/x-www-form-urlencoded")
            builder = builder.body_bytes(urlencode(form, doseq=True).encode())
        elif content is not None:
            builder = builder.body_bytes(content)
        return builder.headers(dict(headers)) if headers else builder

    def too_large(self, operation: str, status: int) -> UnexpectedResponse:
        """The error for an answer beyond the limit."""
        text = f"HTTP {status} with more than {self.max_response_bytes} bytes"
        return UnexpectedResponse(self.service, operation, "too_large", text, accepted_possible=True)

    def closed(self, operation: str) -> TemporaryFailure:
        """The error for a client that was closed."""
        text = "the client was closed before the request"
        return TemporaryFailure(self.service, operation, "closed", text, accepted_possible=False)

    def failure(
        self, operation: str, error: failures.RequestError | failures.BuilderError
    ) -> TemporaryFailure | UnexpectedResponse | NotConfigured:
        """Our error for pyreqwest's, decided by phase and not by class name (see `_CONNECT_PHASE`)."""
        causes = [cause["message"] for cause in error.details.get("causes") or []]
        if isinstance(error, failures.BuilderError):
            return NotConfigured(self.service, operation, "url_invalid", "the request could not be built")
        detail = causes[-1] if causes else type(error).__name__
        if isinstance(error, failures.PoolTimeoutError) or _CONNECT_PHASE in causes:
            return TemporaryFailure(
                self.service, operation, "connect", f"no connection: {detail}", accepted_possible=False
            )
        if isinstance(error, failures.DecodeError) and not isinstance(error, failures.BodyDecodeError):
            return UnexpectedResponse(
                self.service, operation, "not_http", f"the answer is not HTTP: {detail}", accepted_possible=True
            )
        code = "timeout" if isinstance(error, failures.RequestTimeoutError) else "connection_lost"
        return TemporaryFailure(self.service, operation, code, f"no complete answer: {detail}", accepted_possible=True)


def _exchanges(base_url: str, service: str, max_response_bytes: int) -> _Exchanges:
    if not base_url.startswith(("https://", "http://")) or len(base_url.split("://", 1)[1]) == 0:
        raise NotConfigured(service, "connect", "url_invalid", "the base URL must start with http:// or https://")
    return _Exchanges(service, base_url.rstrip("/"), max_response_bytes)


def _hardened(builder: Builder, headers: Mapping[str, str] | None, timeout: float, max_connections: int) -> Builder:
    return (
        builder.default_headers({"user-agent": "batuta", **(headers or {})})
        .timeout(timedelta(seconds=timeout))
        .connect_timeout(timedelta(seconds=min(CONNECT_TIMEOUT, timeout * 0.8)))
        .pool_timeout(timedelta(seconds=timeout))
        .max_connections(max_connections)
        .pool_max_idle_per_host(max_connections)
        .follow_redirects(False)
        .no_proxy()
    )


class HttpClient:
    """Requests to one base URL, in an event loop. Timeouts, size limit and redirects are decided here and cannot be forgotten."""

    def __init__(
        self,
        base_url: str,
        *,
        service: str,
        headers: Mapping[str, str] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        max_connections: int = 200,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
    ) -> None:
        """Open a client for `base_url` (http or https). `timeout` in seconds covers connecting to last byte.

        Raises `NotConfigured` when the URL is not http(s) or has no host.
        """
        self._exchanges = _exchanges(base_url, service, max_response_bytes)
        self._client: Client | None = _hardened(ClientBuilder(), headers, timeout, max_connections).build()

    async def request(
        self,
        method: str,
        path: str,
        *,
        operation: str = "request",
        json: object = None,
        form: Mapping[str, str | list[str]] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpResponse:
        """Send one request and read the whole answer, whatever its status.

        `path` is appended to the base URL (or is a whole URL below it). At most one of `json`, `form`, `content`.
        Raises `TemporaryFailure` when the network fails, with `accepted_possible` False only if no connection was
        made; `UnexpectedResponse` when the answer is too large or is not HTTP. Nothing is ever sent twice.
        """
        own = self._exchanges
        if self._client is None:
            raise own.closed(operation)
        try:
            builder = own.written(self._client.request(method, own.url(path)), json, form, content, headers)
            async with builder.build_streamed() as answer:
                status, found = answer.status, answer.headers
                chunks: list[bytes] = []
                size = 0
                while (chunk := await answer.body_reader.read_chunk()) is not None:
                    size += len(chunk)
                    if size > own.max_response_bytes:
                        raise own.too_large(operation, status)
                    chunks.append(bytes(chunk))
        except (failures.RequestError, failures.BuilderError) as error:
            raise own.failure(operation, error) from None  # the cause may quote the URL and its parameters
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        return HttpResponse(own.service, operation, status, found, body)

    async def aclose(self) -> None:
        """Close all connections. Requests still in flight fail with `TemporaryFailure`."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        # pyreqwest drops its idle connections only with the object itself, so no reference is kept.

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *args: object) -> None:
        await self.aclose()


class SyncHttpClient:
    """The same for a thread: for services without an SDK, called one request at a time."""

    def __init__(
        self,
        base_url: str,
        *,
        service: str,
        headers: Mapping[str, str] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        max_connections: int = 20,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
    ) -> None:
        """As `HttpClient`."""
        self._exchanges = _exchanges(base_url, service, max_response_bytes)
        self._client: SyncClient | None = _hardened(SyncClientBuilder(), headers, timeout, max_connections).build()

    def request(
        self,
        method: str,
        path: str,
        *,
        operation: str = "request",
        json: object = None,
        form: Mapping[str, str | list[str]] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str | list[str]] | None = None,
        seconds: float | None = None,
    ) -> HttpResponse:
        """As `HttpClient.request`; `query` is appended to the path, `seconds` is less than the client's timeout for this one."""
        own = self._exchanges
        if self._client is None:
            raise own.closed(operation)
        target = own.url(path) + (f"?{urlencode(query, doseq=True)}" if query else "")
        try:
            builder = own.written(self._client.request(method, target), json, form, content, headers)
            if seconds is not None:
                builder = builder.timeout(timedelta(seconds=seconds))
            with builder.build_streamed() as answer:
                status, found = answer.status, answer.headers
                chunks: list[bytes] = []
                size = 0
                while (chunk := answer.body_reader.read_chunk()) is not None:
                    size += len(chunk)
                    if size > own.max_response_bytes:
                        raise own.too_large(operation, status)
                    chunks.append(bytes(chunk))
        except (failures.RequestError, failures.BuilderError) as error:
            raise own.failure(operation, error) from None  # the cause may quote the URL and its parameters
        return HttpResponse(own.service, operation, status, found, b"".join(chunks))

    def close(self) -> None:
        """Close all connections."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()
