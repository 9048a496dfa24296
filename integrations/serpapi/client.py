"""Searches through SerpAPI by our own HTTP client: the vendor's SDK is a thin one over requests, with its host fixed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from integrations.calling.calls import Calls
from integrations.calling.policy import Span
from integrations.errors import AuthenticationFailed, RateLimited, Refused, TemporaryFailure, UnexpectedResponse
from integrations.facts import ConnectionFacts
from integrations.http import HttpResponse, SyncHttpClient

SERVICE = "serpapi"
COUNTRY, LANGUAGE, LOCATION = "br", "pt-br", "Brazil"
MAPS_PAGE = 20
DEFAULT_WAIT = 60.0  # seconds, when the hour's limit is reached and nothing says how long
NOTHING_FOUND = "hasn't returned any results"
LARGEST = 8 * 1024 * 1024  # bytes of an answer


@dataclass(frozen=True, slots=True)
class Found:
    """One page that Google found."""

    position: int
    title: str
    link: str
    snippet: str


@dataclass(frozen=True, slots=True)
class Place:
    """One business on Google Maps. What it does not tell is empty, None or 0."""

    title: str
    place_id: str
    address: str
    phone: str
    website: str
    rating: float | None
    reviews: int
    latitude: float | None
    longitude: float | None


@dataclass(frozen=True, slots=True)
class News:
    """One report of Google News."""

    title: str
    link: str
    source: str
    date: str


@dataclass(frozen=True, slots=True)
class Product:
    """One offer of Google Shopping; `price` is in the currency of the country asked for."""

    title: str
    link: str
    source: str
    price: float | None
    rating: float | None
    reviews: int


@dataclass(frozen=True, slots=True)
class Account:
    """What the plan allows and what is left of it."""

    monthly: int
    left: int
    hourly: int
    this_hour: int


class SerpApiClient:
    """One account. Safe to share between threads."""

    def __init__(self, connection: ConnectionFacts) -> None:
        self._key = connection.secret("api_key")
        base_url = connection.setting("base_url", "https://serpapi.com")
        self._http = SyncHttpClient(base_url, service=SERVICE, max_response_bytes=LARGEST)
        self._calls = Calls(connection, lambda operation, error: None)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def search(self, query: str, *, location: str = LOCATION, start: int = 0) -> list[Found]:
        """Ten pages that Google finds, from the `start`-th on."""
        answer = self._search("search", "google", q=query, location=location, start=str(start))
        return [_found("search", row) for row in _rows(answer, "search", "organic_results")]

    def search_maps(
        self, query: str, *, latitude: float, longitude: float, zoom: int = 14, page: int = 0
    ) -> list[Place]:
        """Twenty businesses around a place."""
        around = f"@{latitude},{longitude},{zoom}z"
        more = {"start": str(page * MAPS_PAGE)} if page else {}
        answer = self._search("search_maps", "google_maps", q=query, ll=around, type="search", **more)
        return [_place(row) for row in _rows(answer, "search_maps", "local_results")]

    def search_news(self, query: str) -> list[News]:
        """What is reported."""
        answer = self._search("search_news", "google_news", q=query)
        rows = _rows(answer, "search_news", "news_results")
        # A story groups reports of several papers; its own reports are what is found then.
        flat = [report for row in rows for report in (row.get("stories") or [row])]
        return [
            News(
                _text("search_news", report, "title"),
                _text("search_news", report, "link"),
                str((report.get("source") or {}).get("name") or ""),
                str(report.get("iso_date") or report.get("date") or ""),
            )
            for report in flat
        ]

    def search_shopping(self, query: str) -> list[Product]:
        """What is offered."""
        answer = self._search("search_shopping", "google_shopping", q=query, location=LOCATION)
        return [
            Product(
                _text("search_shopping", row, "title"),
                str(row.get("product_link") or row.get("link") or ""),
                str(row.get("source") or ""),
                _number(row.get("extracted_price")),
                _number(row.get("rating")),
                int(row.get("reviews") or 0),
            )
            for row in _rows(answer, "search_shopping", "shopping_results")
        ]

    def search_profiles(self, query: str, *, start: int = 0) -> list[Found]:
        """Profiles of people on LinkedIn, as Google knows them."""
        asked = f"site:linkedin.com/in/ {query}"
        answer = self._search("search_profiles", "google", q=asked, location=LOCATION, start=str(start))
        found = [_found("search_profiles", row) for row in _rows(answer, "search_profiles", "organic_results")]
        return [each for each in found if "linkedin.com/in/" in each.link]

    def account(self, *, operation: str = "account") -> Account:
        """What is left; costs no search. The gate believes it above our own count."""
        answer = self._ask(operation, "/account.json", {})
        account = Account(
            monthly=_whole(answer, operation, "searches_per_month"),
            left=_whole(answer, operation, "total_searches_left"),
            hourly=_whole(answer, operation, "account_rate_limit_per_hour"),
            this_hour=_whole(answer, operation, "this_hour_searches"),
        )
        now = datetime.now(UTC)
        following = now.replace(
            year=now.year + now.month // 12, month=now.month % 12 + 1, day=1, hour=0, minute=0, second=0
        )
        self._calls.gate.heard_left(Span.MONTH, account.left, (following - now).total_seconds())
        return account

    def _search(self, operation: str, engine: str, **given: str) -> Mapping[str, Any]:
        asked = {"engine": engine, "gl": COUNTRY, "hl": LANGUAGE, **given}
        return self._ask(operation, "/search.json", asked)

    def _ask(self, operation: str, path: str, given: Mapping[str, str]) -> Mapping[str, Any]:
        def attempt(seconds: float) -> Mapping[str, Any]:
            query = {**given, "api_key": self._key}
            return _read(self._http.request("GET", path, operation=operation, query=query, seconds=seconds))

        return self._calls.run(operation, attempt)


def _read(response: HttpResponse) -> Mapping[str, Any]:
    """The answer's object. Raises what it says is wrong; that nothing was found is no error."""
    operation, envelope = response.operation, response.json_object()
    said = str(envelope.get("error") or "")
    if response.status == 429:
        if "run out of searches" in said or "out of searches" in said:
            raise AuthenticationFailed(SERVICE, operation, "out_of_searches", said)
        raise RateLimited(SERVICE, operation, "rate_limited", said, retry_after=response.retry_after(DEFAULT_WAIT))
    if response.status in (401, 403):
        raise AuthenticationFailed(SERVICE, operation, f"http_{response.status}", said)
    if response.status >= 500:
        raise TemporaryFailure(SERVICE, operation, f"http_{response.status}", said, accepted_possible=True)
    if response.status in (400, 404, 410):
        raise Refused(SERVICE, operation, f"http_{response.status}", said)
    answer = response.json()
    if response.status != 200 or not isinstance(answer, dict):
        raise response.surprise("the answer is not SerpAPI's")
    about = answer.get("search_metadata")
    if "search_metadata" in answer and (
        not isinstance(about, dict) or about.get("status") not in ("Success", "Cached")
    ):
        raise TemporaryFailure(SERVICE, operation, "search_failed", said, accepted_possible=True)
    if said and NOTHING_FOUND not in said:
        raise UnexpectedResponse(SERVICE, operation, "error_in_success", said, accepted_possible=True)
    return answer


def _rows(answer: Mapping[str, Any], operation: str, name: str) -> list[Mapping[str, Any]]:
    """The list that an engine promises; empty when it says itself that nothing was found. Raises `UnexpectedResponse`."""
    if "search_metadata" not in answer:
        raise _missing(operation, "search_metadata")
    rows = answer.get(name)
    if isinstance(rows, list):
        return rows
    if NOTHING_FOUND in str(answer.get("error") or ""):
        return []
    raise _missing(operation, name)


def _found(operation: str, row: Mapping[str, Any]) -> Found:
    return Found(
        int(row.get("position") or 0),
        _text(operation, row, "title"),
        _text(operation, row, "link"),
        str(row.get("snippet") or ""),
    )


def _place(row: Mapping[str, Any]) -> Place:
    where = row.get("gps_coordinates") or {}
    return Place(
        title=_text("search_maps", row, "title"),
        place_id=_text("search_maps", row, "place_id"),
        address=str(row.get("address") or ""),
        phone=str(row.get("phone") or ""),
        website=str(row.get("website") or ""),
        rating=_number(row.get("rating")),
        reviews=int(row.get("reviews") or 0),
        latitude=_number(where.get("latitude")),
        longitude=_number(where.get("longitude")),
    )


def _text(operation: str, row: Mapping[str, Any], name: str) -> str:
    found = row.get(name)
    if not isinstance(found, str) or not found:
        raise _missing(operation, name)
    return found


def _whole(answer: Mapping[str, Any], operation: str, name: str) -> int:
    found = answer.get(name)
    if not isinstance(found, int):
        raise _missing(operation, name)
    return found


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _missing(operation: str, what: str) -> UnexpectedResponse:
    return UnexpectedResponse(SERVICE, operation, "field_missing", f"the answer has no {what}", accepted_possible=True)


def build(connection: ConnectionFacts) -> SerpApiClient:
    """The client for one connection. Raises `NotConfigured`."""
    return SerpApiClient(connection)
