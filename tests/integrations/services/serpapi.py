"""SerpAPI."""

from typing import Any

from integrations.errors import AuthenticationFailed, RateLimited, Refused, TemporaryFailure
from integrations.serpapi.client import Account, Found, News, Place, Product
from tests.integrations.services.cases import Case, Contract, connection

METADATA = ("search_metadata",)


def ten(kind: type, question: str) -> Any:
    """A check: ten of a kind about the question, and nothing for a question without answer."""

    def check(found: tuple[list[Any], list[Any]]) -> None:
        rows, nothing = found
        assert len(rows) == 10
        assert nothing == []
        assert all(isinstance(row, kind) for row in rows)
        assert any(question in row.title for row in rows)

    return check


def places(found: tuple[list[Place], list[Place]]) -> None:
    ten(Place, "padaria")(found)
    first = found[0][0]
    assert first.latitude is not None
    assert first.address.startswith("Rua ")
    assert first.phone.startswith("+55 11")
    assert first.rating is not None and 3 <= first.rating < 5


def profiles(found: tuple[list[Found], list[Found]]) -> None:
    ten(Found, "dentista")(found)
    assert all("linkedin.com/in/" in row.link for row in found[0])


def offers(found: tuple[list[Product], list[Product]]) -> None:
    ten(Product, "forno")(found)
    assert all(row.price is not None and row.price < 501 for row in found[0])


def reports(found: tuple[list[News], list[News]]) -> None:
    ten(News, "panificação")(found)
    assert {(row.source, row.date) for row in found[0]} == {("Folha de Exemplo", "2026-11-20T08:00:00Z")}


def account(found: Account) -> None:
    assert (found.monthly, found.hourly) == (5_000, 1_000)
    assert 0 <= found.left <= 5_000


CONTRACT = Contract(
    slug="serpapi",
    connect=lambda sandbox: connection("serpapi", sandbox, {"api_key": "sandbox-serpapi-key"}),
    refused_operation="search",
    refusals={
        "bad_request": Refused,
        "not_found": Refused,
        "gone": Refused,
        "unauthorized": AuthenticationFailed,
        "forbidden": AuthenticationFailed,
        "out_of_searches": AuthenticationFailed,
        "too_many_requests": RateLimited,
        "internal": TemporaryFailure,
    },
    cases=(
        Case(
            "search",
            lambda client: (client.search("padaria São Paulo"), client.search("nada disso")),
            ten(Found, "padaria"),
            required=(*METADATA, "organic_results", "organic_results[].title", "organic_results[].link"),
            is_live=True,
        ),
        Case(
            "search_maps",
            lambda client: (
                client.search_maps("padaria", latitude=-23.55, longitude=-46.63),
                client.search_maps("nada", latitude=-23.55, longitude=-46.63, page=1),
            ),
            places,
            required=(*METADATA, "local_results", "local_results[].title", "local_results[].place_id"),
        ),
        Case(
            "search_news",
            lambda client: (client.search_news("panificação"), client.search_news("nada")),
            reports,
            required=(*METADATA, "news_results", "news_results[].title", "news_results[].link"),
        ),
        Case(
            "search_shopping",
            lambda client: (client.search_shopping("forno"), client.search_shopping("nada")),
            offers,
            required=(*METADATA, "shopping_results", "shopping_results[].title"),
        ),
        Case(
            "search_profiles",
            lambda client: (client.search_profiles("dentista Curitiba"), client.search_profiles("nada")),
            profiles,
            required=(*METADATA, "organic_results", "organic_results[].title", "organic_results[].link"),
        ),
        Case(
            "account",
            lambda client: client.account(),
            account,
            required=("searches_per_month", "total_searches_left", "this_hour_searches", "account_rate_limit_per_hour"),
            is_live=True,
        ),
        Case(
            "health",
            lambda client: client.account(operation="health"),
            account,
            wire="account",
            required=("total_searches_left",),
            is_live=True,
        ),
    ),
)
