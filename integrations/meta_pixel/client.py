"""A pixel (dataset) of Meta: its state, and conversions from the server, through facebook-business."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from integrations.errors import Refused
from integrations.facts import ConnectionFacts
from integrations.meta_graph.client import Graph, Row
from integrations.meta_pixel.records import (
    ConversionEvent,
    Diagnosis,
    EventCount,
    EventQuality,
    EventsTaken,
    Pixel,
)

MOST_EVENTS = 1_000  # in one call; Meta rejects all of them for a single bad one
AGENT = "batuta"
QUALITY = (
    "web{event_name,event_match_quality{composite_score,match_key_feedback{identifier,coverage{percentage}}},"
    "event_coverage{percentage,goal_percentage},data_freshness{upload_frequency}}"
)


class MetaPixelClient:
    """One pixel. Safe to share between threads."""

    def __init__(self, connection: ConnectionFacts) -> None:
        self._graph = Graph(connection)
        self._pixel = connection.setting("pixel_id")
        self._test_code = connection.settings.get("test_event_code", "")

    def pixel(self) -> Pixel:
        """Whether the pixel works, and when it last fired."""
        return self._read_pixel("pixel")

    def stats(self, since: datetime, until: datetime, *, by: str = "event") -> list[EventCount]:
        """Events by hour between two aware times. `by` is Meta's aggregation: event, event_source, match_keys, had_pii …"""
        params = {"aggregation": by, "start_time": int(since.timestamp()), "end_time": int(until.timestamp())}
        found: list[EventCount] = []
        for row in self._graph.pages("stats", self._pixel, "stats", params=params):
            hour = self._graph.time("stats", row, "start_time")
            found += [
                EventCount(hour, self._graph.text("stats", each, "value"), self._graph.number("stats", each, "count"))
                for each in self._graph.rows("stats", row, "data")
            ]
        return found

    def diagnostics(self) -> list[Diagnosis]:
        """Meta's own checks of the pixel."""
        return [
            Diagnosis(
                self._graph.text("diagnostics", row, "key"),
                self._graph.text("diagnostics", row, "result"),
                str(row.get("title") or ""),
                str(row.get("description") or ""),
            )
            for row in self._graph.pages("diagnostics", self._pixel, "da_checks")
        ]

    def quality(self) -> list[EventQuality]:
        """How well each kind of event can be matched with people."""
        params = {"dataset_id": self._pixel, "agent_name": AGENT, "fields": QUALITY}
        answer = self._graph.get("quality", "dataset_quality", params=params)
        return [self._quality(row) for row in self._graph.rows("quality", answer, "web")]

    def send_events(self, events: Sequence[ConversionEvent]) -> EventsTaken:
        """Send conversions, a thousand a call. Repeating them is safe for 48 hours: Meta knows them by name and id.

        Raises `Refused` for the whole call when a single event is bad or older than seven days.
        """
        received, remarks, traces = 0, list[str](), list[str]()
        for start in range(0, len(events), MOST_EVENTS):
            chunk = [event.fields() for event in events[start : start + MOST_EVENTS]]
            if any(not event["event_id"] for event in chunk):
                raise Refused(
                    "meta_pixel", "send_events", "event_id_missing", "an event without an id is counted twice"
                )
            params: dict[str, Any] = {"data": chunk, "partner_agent": AGENT}
            if self._test_code:
                params["test_event_code"] = self._test_code
            answer = self._graph.post("send_events", self._pixel, "events", params=params)
            received += self._graph.number("send_events", answer, "events_received")
            remarks += [str(each) for each in answer.get("messages") or ()]
            traces.append(self._graph.text("send_events", answer, "fbtrace_id"))
        return EventsTaken(received, tuple(remarks), tuple(traces))

    def look(self) -> Pixel:
        """The same as `pixel`, for the health check."""
        return self._read_pixel("health")

    def _read_pixel(self, operation: str) -> Pixel:
        fields = {"fields": "id,name,last_fired_time,is_unavailable"}
        row = self._graph.get(operation, self._pixel, params=fields)
        if not isinstance(row.get("is_unavailable"), bool):
            raise self._graph.missing(operation, "is_unavailable")
        fired = self._graph.time(operation, row, "last_fired_time") if row.get("last_fired_time") else None
        return Pixel(
            self._graph.text(operation, row, "id"),
            self._graph.text(operation, row, "name"),
            row["is_unavailable"],
            fired,
        )

    def _quality(self, row: Row) -> EventQuality:
        match, coverage = _inner(row, "event_match_quality"), _inner(row, "event_coverage")
        keys = {
            str(each.get("identifier")): percent
            for each in match.get("match_key_feedback") or ()
            if isinstance(each, Mapping)
            and (percent := _decimal(_inner(each, "coverage").get("percentage"))) is not None
        }
        return EventQuality(
            self._graph.text("quality", row, "event_name"),
            _decimal(match.get("composite_score")),
            keys,
            _decimal(coverage.get("percentage")),
            _decimal(coverage.get("goal_percentage")),
            str(_inner(row, "data_freshness").get("upload_frequency") or ""),
        )


def _inner(row: Row, name: str) -> Row:
    found = row.get(name)
    return found if isinstance(found, Mapping) else {}


def _decimal(value: object) -> Decimal | None:
    try:
        return Decimal(str(value)) if isinstance(value, int | float | str) else None
    except InvalidOperation:
        return None


def build(connection: ConnectionFacts) -> MetaPixelClient:
    """The client for one connection. Raises `NotConfigured`."""
    return MetaPixelClient(connection)
