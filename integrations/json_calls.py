"""Calls of a service that has no SDK worth using: JSON over our own HTTP client, each attempt through `Calls`."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from integrations.calling.calls import Calls
from integrations.errors import UnexpectedResponse
from integrations.facts import ConnectionFacts
from integrations.http import HttpResponse, SyncHttpClient

Checked = Callable[[HttpResponse], Any]  # the JSON of a success; raises the error that the answer stands for
Used = Callable[[Any], Mapping[str, int]]


class JsonCalls:
    """Requests of one connection. Safe to share between threads."""

    def __init__(
        self, connection: ConnectionFacts, base_url: str, *, headers: Mapping[str, str], checked: Checked
    ) -> None:
        """Raises `NotConfigured` when the URL is none."""
        self.service = connection.service
        self._calls = Calls(connection, lambda operation, error: None)
        self._http = SyncHttpClient(base_url, service=connection.service, headers=headers)
        self._checked = checked

    def ask(self, operation: str, method: str, path: str, *, used: Used | None = None, **request: Any) -> Any:
        """The JSON that one call brings; `request` is as for `SyncHttpClient.request`. Raises `integrations.errors`."""
        return self._calls.run(operation, partial(self._once, operation, method, path, request), used=used)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    # What the documentation promises

    def text(self, operation: str, row: object, *path: str) -> str:
        """A text that must be there. Raises `UnexpectedResponse`."""
        found = row
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        if not isinstance(found, str) or not found:
            raise self.missing(operation, ".".join(path))
        return found

    def rows(self, operation: str, answer: object, name: str = "") -> list[dict[str, Any]]:
        """A list of objects that must be there, below `name` or as the whole answer. Raises `UnexpectedResponse`."""
        found = answer if not name else answer.get(name) if isinstance(answer, dict) else None
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise self.missing(operation, name or "list")
        return found

    def missing(self, operation: str, what: str) -> UnexpectedResponse:
        """The error for an answer without what it must have."""
        text = f"the answer has no {what}"
        return UnexpectedResponse(self.service, operation, "field_missing", text, accepted_possible=True)

    def _once(self, operation: str, method: str, path: str, request: Mapping[str, Any], seconds: float) -> Any:
        return self._checked(self._http.request(method, path, operation=operation, seconds=seconds, **request))
