"""Searches for the product: an answer of today from memory, the search service, an old answer marked stale, and else a person.

    found = search("pages", query="padaria em Curitiba")
    found.rows, found.is_stale, found.waits_for_person

A question costs money once a day: the same one within 24 hours is answered from what was kept.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, cast

import orjson
from django.utils import timezone

from agency.kit.actor import Actor
from agency.models import Client
from integrations.capabilities.chain import ChainExhausted, Hop, run_chain
from integrations.errors import NotConfigured
from integrations.models import ManualSearch, SearchAnswer
from integrations.operations.searches import ask_person, keep_answer
from integrations.registry import build_client

FRESH = timedelta(hours=24)
ACTOR = Actor.system("integrations.search")


class Searcher(Protocol):
    """What a search service offers; each method brings dataclasses."""

    def search(self, query: str) -> list[Any]: ...

    def search_maps(self, query: str, *, latitude: float, longitude: float) -> list[Any]: ...

    def search_news(self, query: str) -> list[Any]: ...

    def search_shopping(self, query: str) -> list[Any]: ...

    def search_profiles(self, query: str) -> list[Any]: ...

    def close(self) -> None: ...


ENGINES: Mapping[str, Callable[[Searcher], Callable[..., list[Any]]]] = {
    "pages": lambda service: service.search,
    "maps": lambda service: service.search_maps,
    "news": lambda service: service.search_news,
    "shopping": lambda service: service.search_shopping,
    "profiles": lambda service: service.search_profiles,
}


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What was found. `rows` have the fields of the service's dataclass; `asked_at` is when the answer was new, None when there is none."""

    rows: tuple[Mapping[str, Any], ...]
    asked_at: datetime | None
    is_stale: bool = False
    manual_search_id: int | None = None

    @property
    def waits_for_person(self) -> bool:
        """Whether nobody has an answer: a person is asked."""
        return self.manual_search_id is not None


def search(engine: str, *, client: Client | None = None, **question: Any) -> SearchResult:
    """Find something. `engine` is one of `ENGINES`, `question` the arguments of its method. Raises KeyError, RuntimeError inside a transaction."""
    method = ENGINES[engine]
    digest = digest_of(engine, question)
    kept = SearchAnswer.objects.filter(digest=digest).first()
    now = timezone.now()
    if kept is not None and now - kept.asked_at < FRESH:
        return SearchResult(tuple(kept.rows), kept.asked_at)

    def ask(hop: Hop) -> list[dict[str, Any]]:
        with closing(cast(Searcher, build_client(hop.connection, capability="search"))) as service:
            return [asdict(row) for row in method(service)(**question)]

    try:
        rows = run_chain("search", ask, client_id=client.pk if client else None).answer
    except (ChainExhausted, NotConfigured):
        if kept is not None:
            return SearchResult(tuple(kept.rows), kept.asked_at, is_stale=True)
        asked = ask_person(actor=ACTOR, digest=digest, engine=engine, question=question, client=client, now=now)
        return SearchResult((), None, manual_search_id=asked.pk)
    keep_answer(digest=digest, engine=engine, question=question, rows=rows, now=now)
    return SearchResult(tuple(rows), now)


def digest_of(engine: str, question: Mapping[str, Any]) -> str:
    """The name of a question: the same words ask the same."""
    return hashlib.sha256(orjson.dumps([engine, dict(question)], option=orjson.OPT_SORT_KEYS)).hexdigest()


def open_searches() -> list[ManualSearch]:
    """What waits for a person, oldest first."""
    return list(ManualSearch.objects.filter(answered_at=None).select_related("client").order_by("asked_at"))
