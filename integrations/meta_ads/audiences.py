"""Custom and lookalike audiences. People leave hashed, ten thousand a request."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from integrations.meta_ads.drafts import AudiencePerson
from integrations.meta_ads.records import Audience, PeopleTaken
from integrations.meta_ads.reports import ReportCalls
from integrations.meta_graph.client import Row
from integrations.meta_graph.hashing import hashed_email, hashed_phone

MOST_PEOPLE = 10_000  # rows in one request
PAGE = 100
FIELDS = "id,name,subtype,approximate_count_lower_bound,approximate_count_upper_bound,operation_status"


class AudienceCalls(ReportCalls):
    """Audiences of one account."""

    def create_audience(self, name: str, *, description: str = "") -> str:
        """Make an empty audience for people whom the client itself knows; returns its id."""
        params = {
            "name": name,
            "description": description or None,
            "subtype": "CUSTOM",
            "customer_file_source": "USER_PROVIDED_ONLY",
        }
        return self._make("create_audience", params)

    def create_lookalike(self, name: str, *, origin_id: str, country: str, ratio: float = 0.01) -> str:
        """Make an audience of people like those of another; `ratio` is the share of the country, 0.01 to 0.2. Returns its id."""
        params = {
            "name": name,
            "subtype": "LOOKALIKE",
            "origin_audience_id": origin_id,
            "lookalike_spec": {"type": "similarity", "country": country, "ratio": ratio},
        }
        return self._make("create_lookalike", params)

    def list_audiences(self) -> list[Audience]:
        """The account's audiences."""
        params = {"fields": FIELDS, "limit": PAGE}
        return [
            self._audience(row)
            for row in self._graph.pages("list_audiences", self._account_id, "customaudiences", params=params)
        ]

    def add_people(self, audience_id: str, people: Sequence[AudiencePerson]) -> PeopleTaken:
        """Add people; whoever is in already stays once."""
        return self._send("add_people", self._graph.post, audience_id, people)

    def remove_people(self, audience_id: str, people: Sequence[AudiencePerson]) -> PeopleTaken:
        """Take people out, for example who asked to be forgotten."""
        return self._send("remove_people", self._graph.delete, audience_id, people)

    def _make(self, operation: str, params: dict[str, Any]) -> str:
        answer = self._graph.post(operation, self._account_id, "customaudiences", params=params)
        return self._graph.text(operation, answer, "id")

    def _send(
        self, operation: str, send: Callable[..., Row], audience_id: str, people: Sequence[AudiencePerson]
    ) -> PeopleTaken:
        session = secrets.randbits(53)
        received = invalid = 0
        for number, (rows, is_last) in enumerate(_chunks(people), start=1):
            params = {
                "payload": {"schema": ["EMAIL", "PHONE"], "data": rows},
                "session": {
                    "session_id": session,
                    "batch_seq": number,
                    "last_batch_flag": is_last,
                    "estimated_num_total": len(people),
                },
            }
            answer = send(operation, audience_id, "users", params=params)
            received += self._graph.number(operation, answer, "num_received")
            invalid += self._graph.number(operation, answer, "num_invalid_entries")
        return PeopleTaken(received, invalid)

    def _audience(self, row: Row) -> Audience:
        status = row.get("operation_status")
        known = status if isinstance(status, dict) else {}
        bounds = [
            self._graph.number("list_audiences", row, name) if row.get(name) is not None else None
            for name in ("approximate_count_lower_bound", "approximate_count_upper_bound")
        ]
        # Meta writes -1 while it has not counted.
        smallest, largest = (bound if bound is not None and bound >= 0 else None for bound in bounds)
        return Audience(
            self._graph.text("list_audiences", row, "id"),
            self._graph.text("list_audiences", row, "name"),
            self._graph.text("list_audiences", row, "subtype"),
            smallest,
            largest,
            self._graph.number("list_audiences", known, "code"),
            str(known.get("description") or ""),
        )


def _chunks(people: Sequence[AudiencePerson]) -> Iterator[tuple[list[list[str]], bool]]:
    for start in range(0, len(people), MOST_PEOPLE):
        rows = [[hashed_email(each.email), hashed_phone(each.phone)] for each in people[start : start + MOST_PEOPLE]]
        yield rows, start + MOST_PEOPLE >= len(people)
