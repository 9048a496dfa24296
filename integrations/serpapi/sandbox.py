"""SerpAPI, imitated: its engines with the same results for the same question, its account, its errors. Mounted at `/serpapi`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from integrations.sandbox.imitation import Imitation, known_fields
from integrations.sandbox.routes import Routes
from integrations.sandbox.wire import Request, Response, json_response
from integrations.sandbox.world import World

ROWS = 10
NO_RESULTS = "Google hasn't returned any results for this query."
OUT = "Your account has run out of searches."
ERRORS: Mapping[str, tuple[int, str]] = {
    "bad_request": (400, "Missing query `q` parameter."),
    "unauthorized": (401, "Invalid API key. Your API key should be here: https://serpapi.com/manage-api-key"),
    "forbidden": (403, "The account does not have permission to perform this request."),
    "not_found": (404, "The requested resource does not exist."),
    "gone": (410, "The search expired and has been deleted from the archive."),
    "out_of_searches": (429, OUT),
    "too_many_requests": (429, "You are exceeding the hourly throughput of your plan."),
    "internal": (500, "Something went wrong on SerpApi's end."),
}
OPERATIONS = {"google_maps": "search_maps", "google_news": "search_news", "google_shopping": "search_shopping"}


@dataclass(slots=True)
class Account:
    """One key with its plan."""

    api_key: str = "sandbox-serpapi-key"
    monthly: int = 5_000
    hourly: int = 1_000
    used: int = 0


class SerpApiSandbox(Imitation):
    """The service. Whoever asks for something with the word `nada` finds nothing."""

    slug = "serpapi"
    title = "SerpAPI"
    routes = Routes(
        ("GET", "/search.json", "search"), ("GET", "/search", "search"), ("GET", "/account.json", "account")
    )

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._accounts: dict[str, Account] = {}
        self.open_account({})

    @property
    def operations(self) -> tuple[str, ...]:
        """See Imitation."""
        return ("search", "search_profiles", *OPERATIONS.values(), "account")

    def match(self, request: Request, path: str) -> tuple[str, tuple[str, ...]] | None:
        """The engine decides which search it is."""
        found = super().match(request, path)
        if found is None or found[0] != "search":
            return found
        query = request.query
        engine = query.get("engine", "google")
        if engine == "google" and query.get("q", "").startswith("site:linkedin.com/in"):
            return "search_profiles", ()
        return OPERATIONS.get(engine, "search"), ()

    def sender_of(self, operation: str, arguments: tuple[str, ...], request: Request) -> str:
        """The key."""
        return request.query.get("api_key", "")

    def answer(self, operation: str, arguments: tuple[str, ...], request: Request) -> Response:
        """See Imitation."""
        query = request.query
        account = self._accounts.get(query.get("api_key", ""))
        if account is None:
            return self.refusal("unauthorized")
        if operation == "account":
            left = max(0, account.monthly - account.used)
            return json_response(
                200,
                {
                    "plan_id": "developer",
                    "searches_per_month": account.monthly,
                    "plan_searches_left": left,
                    "extra_credits": 0,
                    "total_searches_left": left,
                    "this_month_usage": account.used,
                    "this_hour_searches": min(account.used, account.hourly),
                    "account_rate_limit_per_hour": account.hourly,
                },
            )
        engine, asked = query.get("engine", "google"), query.get("q", "")
        if not asked:
            return self.refusal("bad_request")
        if engine != "google" and engine not in OPERATIONS:
            return json_response(400, {"error": f"Unsupported `{engine}` search engine."})
        if engine == "google_maps" and query.get("start", "0") != "0" and "ll" not in query:
            return json_response(400, {"error": "Missing location `ll` parameter."})
        if account.used >= account.monthly:
            return self.refusal("out_of_searches")
        account.used += 1
        return _results(operation, engine, asked, int(query.get("start", "0")), self.world.settings.seed)

    def unknown_route(self, request: Request) -> Response:
        """See Imitation."""
        return self.refusal("not_found")

    def rate_limited(self, retry_after: float) -> Response:
        """See Imitation."""
        status, sentence = ERRORS["too_many_requests"]
        return json_response(status, {"error": sentence}, (("retry-after", str(max(1, round(retry_after)))),))

    def broken(self) -> Response:
        """See Imitation."""
        return self.refusal("internal")

    def refusal(self, code: str) -> Response:
        """See Imitation."""
        status, sentence = ERRORS[code]
        return json_response(status, {"error": sentence})

    def codes(self) -> Collection[str]:
        """See Imitation."""
        return ERRORS

    def error_in_success(self, operation: str) -> Response | None:
        """A search that failed at Google is told with status 200."""
        if operation == "account":
            return None
        failed = {
            "search_metadata": {"id": "0", "status": "Error"},
            "error": "We couldn't get valid results for this search.",
        }
        return json_response(200, failed)

    def missing_scope(self, operation: str) -> Response | None:
        """See Imitation."""
        return self.refusal("forbidden")

    def open_account(self, given: dict[str, Any]) -> dict[str, Any]:
        """See Imitation."""
        account = Account(**known_fields(Account, given))
        self._accounts[account.api_key] = account
        return asdict(account)

    def accounts(self) -> list[dict[str, Any]]:
        """See Imitation."""
        return [asdict(account) for account in self._accounts.values()]

    def clear(self) -> None:
        """See Imitation; what was used up of a month is what clients did."""
        for account in self._accounts.values():
            account.used = 0


def _results(operation: str, engine: str, asked: str, start: int, seed: str) -> Response:
    about = {"id": hashlib.blake2b(f"{engine}{asked}".encode(), digest_size=12).hexdigest(), "status": "Success"}
    envelope: dict[str, Any] = {"search_metadata": about, "search_parameters": {"engine": engine, "q": asked}}
    if "nada" in asked.lower():
        return json_response(200, {**envelope, "error": NO_RESULTS})
    name, row = ROW[operation]
    found = [row(asked, number, _dice(seed, asked, number)) for number in range(start, start + ROWS)]
    return json_response(200, {**envelope, name: found})


def _dice(seed: str, asked: str, number: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed}:{asked}:{number}".encode(), digest_size=4).digest(), "big")


def _page(asked: str, number: int, dice: int) -> dict[str, Any]:
    return {
        "position": number + 1,
        "title": f"{asked} {number + 1}",
        "link": f"https://www.example.com/{dice}",
        "snippet": f"Sobre {asked}",
    }


def _profile(asked: str, number: int, dice: int) -> dict[str, Any]:
    about = asked.partition(" ")[2]
    return {
        "position": number + 1,
        "title": f"Pessoa {dice % 1000} – {about}",
        "link": f"https://br.linkedin.com/in/pessoa-{dice}",
        "snippet": about,
    }


def _place(asked: str, number: int, dice: int) -> dict[str, Any]:
    return {
        "position": number + 1,
        "title": f"{asked} {number + 1}",
        "place_id": f"ChIJ{dice:08x}",
        "data_id": f"0x{dice:x}",
        "rating": 3 + dice % 20 / 10,
        "reviews": dice % 500,
        "address": f"Rua {dice % 90}, São Paulo",
        "phone": f"+55 11 9{dice % 10**4:04d}-{dice % 9973:04d}",
        "website": f"https://www.example.com/{dice}",
        "gps_coordinates": {"latitude": -23.5 - dice % 100 / 1000, "longitude": -46.6 - dice % 90 / 1000},
    }


def _report(asked: str, number: int, dice: int) -> dict[str, Any]:
    return {
        "position": number + 1,
        "title": f"{asked}: notícia {number + 1}",
        "link": f"https://news.example.com/{dice}",
        "source": {"name": "Folha de Exemplo"},
        "date": "11/20/2026, 08:00 AM, +0000 UTC",
        "iso_date": "2026-11-20T08:00:00Z",
    }


def _offer(asked: str, number: int, dice: int) -> dict[str, Any]:
    return {
        "position": number + 1,
        "title": f"{asked} {number + 1}",
        "product_id": str(dice),
        "product_link": f"https://www.google.com/shopping/product/{dice}",
        "source": "Loja Exemplo",
        "price": f"R$ {dice % 500},90",
        "extracted_price": dice % 500 + 0.9,
        "rating": 4.5,
        "reviews": dice % 300,
    }


ROW: dict[str, tuple[str, Callable[[str, int, int], dict[str, Any]]]] = {
    "search": ("organic_results", _page),
    "search_profiles": ("organic_results", _profile),
    "search_maps": ("local_results", _place),
    "search_news": ("news_results", _report),
    "search_shopping": ("shopping_results", _offer),
}

IMITATIONS = (SerpApiSandbox,)
