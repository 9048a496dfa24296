"""The Graph API of one connection, through facebook-business: its session and request, our timeouts, retries, errors and paging.

The SDK's object classes are left aside: their cursors keep the usage headers of the last page only (docs/decisions/0210). Nothing
of it is global here: no default API, no crash reporter, an address of its own for each client.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, NoReturn

import orjson
import requests
from facebook_business.api import FacebookAdsApi, FacebookResponse
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession

from integrations.calling.calls import Calls
from integrations.calling.policy import Span
from integrations.errors import IntegrationError, NotConfigured, TemporaryFailure, UnexpectedResponse
from integrations.facts import ConnectionFacts
from integrations.meta_graph.errors import graph_failure
from integrations.meta_graph.usage import usage_of

BASE_URL = "https://graph.facebook.com"
API_VERSION = "v26.0"
CONNECT_TIMEOUT = 10.0  # seconds
MOST_PAGES = 1_000
WORTH_TELLING = 75.0  # percent of a quota; below it our own count is good enough
HEARD_FOR = 300.0  # seconds for which a percentage is believed: Meta's real-time score decays in that time

Params = Mapping[str, Any]
Row = Mapping[str, Any]


class Graph:
    """Requests of one service with the connection's token. Safe to share between threads."""

    def __init__(self, connection: ConnectionFacts) -> None:
        """Raises `NotConfigured` when the token or the app secret is empty, or the base URL is none."""
        self.service = connection.service
        self.calls = Calls(connection, self._translated)
        self._base_url = connection.setting("base_url", BASE_URL).rstrip("/")
        if not self._base_url.startswith(("https://", "http://")):
            raise NotConfigured(self.service, "connect", "url_invalid", "base_url must start with http:// or https://")
        self._version = connection.setting("api_version", API_VERSION)
        self._app_secret = connection.secret("app_secret")
        self._session = self._session_of(connection.secret("access_token"))

    def get(self, operation: str, *path: str, params: Params | None = None) -> Row:
        """The object at a path."""
        return self.calls.run(operation, partial(self.ask, operation, "GET", path, params or {}))

    def post(self, operation: str, *path: str, params: Params | None = None) -> Row:
        """What a write answers."""
        return self.calls.run(operation, partial(self.ask, operation, "POST", path, params or {}))

    def delete(self, operation: str, *path: str, params: Params) -> Row:
        """What a removal answers. The parameters travel as a form: ten thousand hashes fit into no address."""
        return self.calls.run(operation, partial(self.ask, operation, "DELETE", path, params))

    def pages(self, operation: str, *path: str, params: Params | None = None) -> Iterator[Row]:
        """The rows of all pages of an edge, one call a page. It ends where `paging.next` is missing, not at a short page."""
        after: dict[str, str] = {}
        for _page in range(MOST_PAGES):
            answer = self.get(operation, *path, params={**(params or {}), **after})
            yield from self.rows(operation, answer, "data")
            paging = answer.get("paging")
            if not isinstance(paging, Mapping) or not paging.get("next"):
                return
            cursors = paging.get("cursors")
            place = cursors.get("after") if isinstance(cursors, Mapping) else None
            if not isinstance(place, str) or not place:
                raise self.missing(operation, "paging.cursors.after")
            after = {"after": place}
        raise UnexpectedResponse(self.service, operation, "too_many_pages", "the list does not end")

    def batch(self, operation: str, items: Sequence[Mapping[str, str]]) -> list[Row | None]:
        """The answers of many requests in one, in their order: {"code", "body"}; None for one that was not carried out."""
        found = self.calls.run(operation, partial(self._ask_many, operation, items))
        if len(found) != len(items):
            raise self.missing(operation, f"answer to each of {len(items)} requests")
        return found

    def ask(
        self, operation: str, method: str, path: Sequence[str], params: Params, seconds: float, *, token: str = ""
    ) -> Row:
        """One request within one attempt of a call, perhaps with another token than the connection's."""
        body = self._sent(operation, method, path, params, seconds, token).json()
        if not isinstance(body, dict):
            raise self._not_json(operation)
        return body

    # What the documentation promises

    def text(self, operation: str, row: Row, name: str) -> str:
        """A text that must be there. Raises `UnexpectedResponse`."""
        found = row.get(name)
        if not isinstance(found, str) or not found:
            raise self.missing(operation, name)
        return found

    def number(self, operation: str, row: Row, name: str) -> int:
        """A whole number that must be there, which Meta writes as a text in many places. Raises `UnexpectedResponse`."""
        found = row.get(name)
        try:
            return (
                int(found)
                if isinstance(found, int | str) and not isinstance(found, bool)
                else self._fail(operation, name)
            )
        except ValueError:
            raise self.missing(operation, name) from None

    def rows(self, operation: str, row: Row, name: str) -> list[Row]:
        """A list of objects that must be there. Raises `UnexpectedResponse`."""
        found = row.get(name)
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise self.missing(operation, name)
        return found

    def time(self, operation: str, row: Row, name: str) -> datetime:
        """A time that must be there. Raises `UnexpectedResponse`."""
        try:
            return datetime.fromisoformat(self.text(operation, row, name)).astimezone(UTC)
        except ValueError:
            raise self.missing(operation, f"time in {name}") from None

    def decimal(self, operation: str, row: Row, name: str) -> Decimal:
        """A number that must be there, written as a text. Raises `UnexpectedResponse`."""
        try:
            return Decimal(self.text(operation, row, name))
        except InvalidOperation:
            raise self.missing(operation, f"number in {name}") from None

    def done(self, operation: str, row: Row) -> None:
        """Raises `UnexpectedResponse` unless the answer says `success`."""
        if row.get("success") is not True:
            raise self.missing(operation, "success")

    def missing(self, operation: str, what: str) -> UnexpectedResponse:
        """The error for an answer without a field that it must have."""
        text = f"the answer has no {what}"
        return UnexpectedResponse(self.service, operation, "field_missing", text, accepted_possible=True)

    def failure(self, operation: str, status: int, body: object, headers: Mapping[str, str]) -> IntegrationError:
        """Our error for an answer that is none of the wanted."""
        error = body.get("error") if isinstance(body, Mapping) else None
        if isinstance(error, Mapping):
            return graph_failure(self.service, operation, status, error, wait=usage_of(headers).wait)
        if status >= 500:
            text = "a gateway failed without Meta's own answer"
            return TemporaryFailure(self.service, operation, f"http_{status}", text, accepted_possible=True)
        return self._not_json(operation)

    def _fail(self, operation: str, name: str) -> NoReturn:
        raise self.missing(operation, name)

    # The SDK

    def _sent(
        self, operation: str, method: str, path: Sequence[str], params: Params, seconds: float, token: str = ""
    ) -> FacebookResponse:
        session = copy.copy(self._session_of(token) if token else self._session)
        session.timeout = (min(CONNECT_TIMEOUT, seconds), seconds)
        written = {name: _written(value) for name, value in params.items() if value is not None}
        parts: dict[str, tuple[None, str]] = {}
        if method == "DELETE":
            written, parts = {}, {name: (None, value) for name, value in written.items()}
        try:
            response = FacebookAdsApi(session, self._version).call(method, path, params=written, files=parts)
        except (TypeError, AttributeError, ValueError) as error:
            if isinstance(error, requests.RequestException):
                raise
            # The SDK looks for words in whatever came, and stumbles over what is no JSON object.
            raise self._not_json(operation) from None
        # It also takes any body without the word "error" for a success, whatever the status.
        if not 200 <= response.status() < 300:
            raise self.failure(operation, response.status(), response.json(), response.headers())
        self._hear(response.headers())
        return response

    def _ask_many(self, operation: str, items: Sequence[Mapping[str, str]], seconds: float) -> list[Row | None]:
        answers = self._sent(operation, "POST", (), {"batch": list(items)}, seconds).json()
        if not isinstance(answers, list) or not all(each is None or isinstance(each, dict) for each in answers):
            raise self._not_json(operation)
        return answers

    def _session_of(self, token: str) -> FacebookSession:
        """A session whose token travels in a header, where no log of addresses shows it; the proof of the app secret stays a parameter."""
        session = FacebookSession(app_secret=self._app_secret, access_token=token)
        session.GRAPH = self._base_url
        session.requests.params = {"appsecret_proof": session.appsecret_proof}
        session.requests.auth = _Bearer(token)
        session.requests.max_redirects = 0
        return session

    def _hear(self, headers: Mapping[str, str]) -> None:
        usage = usage_of(headers)
        if usage.wait:
            self.calls.gate.pause(usage.wait)
            return
        limit = next((quota.limit for quota in self.calls.policy.quotas if quota.span is Span.HOUR), 0)
        if limit and usage.percent >= WORTH_TELLING:
            left = int(limit * (100 - min(usage.percent, 100)) / 100)
            self.calls.gate.heard_left(Span.HOUR, left, HEARD_FOR)

    def _translated(self, operation: str, error: Exception) -> IntegrationError | None:
        """Our error for the SDK's; None for what is no failure of Meta."""
        if isinstance(error, FacebookRequestError):
            return self.failure(operation, int(error.http_status()), error.body(), error.http_headers() or {})
        if isinstance(error, requests.TooManyRedirects | requests.exceptions.ContentDecodingError):
            return self._not_json(operation)
        return None

    def _not_json(self, operation: str) -> UnexpectedResponse:
        text = "the answer is not the Graph API's"
        return UnexpectedResponse(self.service, operation, "not_json", text, accepted_possible=True)


class _Bearer(requests.auth.AuthBase):
    """The token as a header; said so to `requests`, it keeps a .netrc of the machine from taking its place."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _written(value: Any) -> str:
    """A parameter as the API wants it: texts as they are, everything else in JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
