"""What a network exception of any HTTP library means, judged by its name and causes: each SDK brings its own library."""

from collections.abc import Iterator

from integrations.errors import TemporaryFailure

# The connection was never made, so the request was surely not accepted.
NEVER_CONNECTED = frozenset(
    {
        "ConnectError",  # httpx, httpx2
        "ConnectTimeout",  # requests, httpx, httpx2
        "ConnectTimeoutError",  # urllib3, botocore
        "ConnectionRefusedError",
        "EndpointConnectionError",  # botocore
        "NameResolutionError",  # urllib3
        "NewConnectionError",  # urllib3
        "PoolTimeout",  # httpx, httpx2
        "gaierror",
    }
)
# Something broke after the request may have been written.
BROKEN = frozenset(
    {
        "APIConnectionError",  # anthropic, openai
        "APITimeoutError",  # anthropic, openai
        "ChunkedEncodingError",  # requests
        "ConnectionAbortedError",
        "ConnectionClosedError",  # botocore
        "ConnectionError",  # requests, and Python's own
        "ConnectionResetError",
        "IncompleteRead",
        "LocalProtocolError",
        "NetworkError",
        "ProtocolError",  # urllib3
        "ReadError",  # httpx, httpx2
        "ReadTimeout",  # requests, httpx, httpx2
        "ReadTimeoutError",  # urllib3, botocore
        "RemoteDisconnected",
        "RemoteProtocolError",  # httpx, httpx2
        "ResponseStreamingError",  # botocore
        "TimeoutError",
        "TimeoutException",
        "TransportError",
        "URLError",
        "WriteError",
        "WriteTimeout",
    }
)


def network_failure(service: str, operation: str, error: Exception) -> TemporaryFailure | None:
    """The error for a broken connection or a timeout; None when the exception is none of these."""
    names = [type(each).__name__ for each in _chain(error)]
    if any(name in NEVER_CONNECTED for name in names):
        return TemporaryFailure(service, operation, "connect", "no connection", accepted_possible=False)
    broken = next((name for name in names if name in BROKEN), None)
    if broken is None:
        return None
    code = "timeout" if "Timeout" in broken or "timed out" in str(error) else "connection_lost"
    return TemporaryFailure(service, operation, code, "no complete answer", accepted_possible=True)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and everything that led to it, urllib3's `reason` and requests' arguments included."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
