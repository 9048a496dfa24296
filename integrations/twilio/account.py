"""What people and tasks ask of a Twilio account beside sending: single messages and lists of them, the account, content templates."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.base.page import Page
from twilio.http import HttpClient as SdkHttpClient
from twilio.http.response import Response as SdkResponse
from twilio.rest import Client

from integrations.calling.calls import Calls
from integrations.errors import IntegrationError, UnexpectedResponse
from integrations.facts import ConnectionFacts
from integrations.http import SyncHttpClient
from integrations.twilio.client import BASE_URL, SERVICE, Sent, credentials, sdk_answer, silent, twilio_failure

CONTENT_URL = "https://content.twilio.com"
PAGE = 50
MOST_PAGES = 200


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message as Twilio knows it. `status` is queued, sent, delivered, undelivered, failed, read …; `error_code` 0 when all is well."""

    sid: str
    to: str
    sender: str
    status: str
    error_code: int
    body: str
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class Account:
    """An account; `status` is active, suspended or closed."""

    sid: str
    name: str
    status: str


@dataclass(frozen=True, slots=True)
class ContentTemplate:
    """A content template; WhatsApp takes it when `approval` is approved."""

    sid: str
    name: str
    language: str
    approval: str  # approved, pending, rejected, paused, unsubmitted …
    body: str


class TwilioAccount:
    """One account, through Twilio's SDK over our HTTP client. Safe to share between threads."""

    def __init__(self, connection: ConnectionFacts) -> None:
        self._base_url = connection.setting("base_url", BASE_URL).rstrip("/")
        self._content_url = connection.setting("content_url", CONTENT_URL).rstrip("/")
        self._credentials = credentials(connection)
        self._api = SyncHttpClient(self._base_url, service=SERVICE)
        self._content = SyncHttpClient(self._content_url, service=SERVICE)
        self._calls = Calls(connection, _translated)

    def fetch_message(self, sid: str) -> SentMessage:
        """What became of one message."""
        found = self._calls.run(
            "fetch_message", lambda seconds: self._sdk("fetch_message", seconds).messages(sid).fetch()
        )
        return _message("fetch_message", found)

    def list_messages(self, *, to: str = "", sender: str = "", limit: int = 100, page: int = PAGE) -> list[SentMessage]:
        """The latest messages, newest first, perhaps to one number or from one sender only; `page` in one request."""

        def first(seconds: float) -> Any:
            messages = self._sdk("list_messages", seconds).messages
            return messages.page(
                **{"page_size": page} | ({"to": to} if to else {}) | ({"from_": sender} if sender else {})
            )

        def following(address: str) -> Callable[[float], Any]:
            return lambda seconds: self._sdk("list_messages", seconds).messages.get_page(address)

        rows = self._pages("list_messages", first, following, limit)
        return [_message("list_messages", row) for row in rows]

    def fetch_account(self) -> Account:
        """The account itself."""
        return self._account("fetch_account")

    def look(self) -> Account:
        """The same, for the health check."""
        return self._account("health")

    def list_templates(self, *, limit: int = 1_000, page: int = PAGE) -> list[ContentTemplate]:
        """The content templates with what WhatsApp says about them."""

        def first(seconds: float) -> Any:
            return self._sdk("list_templates", seconds).content.v1.content_and_approvals.page(page_size=page)

        def following(address: str) -> Callable[[float], Any]:
            return lambda seconds: self._sdk("list_templates", seconds).content.v1.content_and_approvals.get_page(
                address
            )

        return [_template(row) for row in self._pages("list_templates", first, following, limit)]

    def close(self) -> None:
        """Close all connections."""
        self._api.close()
        self._content.close()

    def _account(self, operation: str) -> Account:
        found = self._calls.run(
            operation, lambda seconds: self._sdk(operation, seconds).api.accounts(self._credentials.account).fetch()
        )
        return Account(
            _text(operation, found, "sid"), str(found.friendly_name or ""), _text(operation, found, "status")
        )

    def _pages(
        self,
        operation: str,
        first: Callable[[float], Any],
        following: Callable[[str], Callable[[float], Any]],
        limit: int,
    ) -> list[Any]:
        """The rows of all pages, one call a page."""
        rows: list[Any] = []
        ask = first
        for _page in range(MOST_PAGES):
            page: Page = self._calls.run(operation, ask)
            rows += list(page)
            address = page.next_page_url
            if not address or len(rows) >= limit:
                return rows[:limit]
            ask = following(address)
        raise UnexpectedResponse(SERVICE, operation, "too_many_pages", "the list does not end")

    def _sdk(self, operation: str, seconds: float) -> Client:
        """The SDK for one attempt; making one is cheap, and its timeout is its transport's."""
        own = self._credentials
        transport = _Transport(operation, seconds, {self._base_url: self._api, self._content_url: self._content})
        sdk = Client(own.user, own.password, own.account, http_client=transport)
        sdk.api.base_url = self._base_url
        sdk.content.base_url = self._content_url
        return sdk


class _Transport(SdkHttpClient):
    """What the SDK uses to reach the network: one attempt through our client, whose errors pass through unchanged."""

    def __init__(self, operation: str, seconds: float, clients: dict[str, SyncHttpClient]) -> None:
        self._operation, self._seconds, self._clients = operation, seconds, clients
        super().__init__(silent, False, self._seconds)

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> SdkResponse:
        """Perform one request of the SDK. Raises `integrations.errors`."""
        sent = Sent(method, uri, params, data, headers, auth)
        client = next(
            (each for base, each in self._clients.items() if sent.url.startswith(base + "/")),
            self._clients[min(self._clients)],
        )
        response = client.request(
            method,
            sent.url,
            operation=self._operation,
            form=sent.form,
            headers=sent.headers,
            seconds=self._seconds,
        )
        answer = sdk_answer(response)
        if not response.ok:
            # The SDK's lists say of an error only that there was one, so it is read here for all.
            found = response.json_object()
            code, text = found.get("code"), str(found.get("message") or "")
            known = TwilioRestException(
                response.status, "", text, code=code if isinstance(code, int) else response.status
            )
            raise twilio_failure(known, self._operation)
        return answer


def _message(operation: str, row: Any) -> SentMessage:
    created = row.date_created
    return SentMessage(
        sid=_text(operation, row, "sid"),
        to=_text(operation, row, "to"),
        sender=str(row.from_ or ""),  # a message of a service has none until a number was chosen
        status=_text(operation, row, "status"),
        error_code=int(row.error_code or 0),
        body=str(row.body or ""),
        created_at=created.astimezone(UTC) if isinstance(created, datetime) else None,
    )


def _template(row: Any) -> ContentTemplate:
    approval = row.approval_requests if isinstance(row.approval_requests, dict) else {}
    types = row.types if isinstance(row.types, dict) else {}
    body = next((str(each["body"]) for each in types.values() if isinstance(each, dict) and each.get("body")), "")
    return ContentTemplate(
        sid=_text("list_templates", row, "sid"),
        name=_text("list_templates", row, "friendly_name"),
        language=_text("list_templates", row, "language"),
        approval=str(approval.get("status") or "unsubmitted"),
        body=body,
    )


def _text(operation: str, row: Any, name: str) -> str:
    """A text that the documentation promises. Raises `UnexpectedResponse`."""
    found = getattr(row, name, None)
    if found is None or not str(found):
        raise UnexpectedResponse(
            SERVICE, operation, "field_missing", f"the answer has no {name}", accepted_possible=True
        )
    return str(found)


def _translated(operation: str, error: Exception) -> IntegrationError | None:
    if isinstance(error, TwilioException):
        return twilio_failure(error, operation)
    if isinstance(error, AttributeError | KeyError | TypeError | ValueError):  # how the SDK meets an odd body
        return UnexpectedResponse(SERVICE, operation, "sdk", repr(error), accepted_possible=True)
    return None


def build(connection: ConnectionFacts) -> TwilioAccount:
    """The account behind one connection. Raises `NotConfigured`."""
    return TwilioAccount(connection)
