"""A Meta pixel, imitated: its state, its figures, and the Conversions API with its all-or-nothing batches. Mounted at `/meta_pixel`."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from integrations.meta_graph.sandbox_graph import (
    APP_SECRET,
    TOKEN,
    GraphImitation,
    Meter,
    chosen,
    page,
    refused,
    structure,
)
from integrations.sandbox.imitation import known_fields
from integrations.sandbox.routes import Routes
from integrations.sandbox.wire import Request, Response, json_response
from integrations.sandbox.world import World

MOST_EVENTS = 1_000
OLDEST = 7 * 86_400  # seconds
HOURS_A_PAGE = 5
EVENTS = ("PageView", "ViewContent", "Lead", "Purchase")
CHECKS = (
    ("capi_event_id_missing", "passed", "Event IDs are sent"),
    ("pixel_missing_currency", "failed", "Purchases without a currency"),
)


@dataclass(slots=True)
class SandboxPixel:
    """One pixel. `events_a_day` is how much its site sends from the browser; 0 = it has never fired."""

    pixel_id: str = "300000000000001"
    name: str = "Loja"
    access_token: str = TOKEN
    app_secret: str = APP_SECRET
    is_unavailable: bool = False
    events_a_day: int = 480


class MetaPixelSandbox(GraphImitation):
    """The service."""

    slug = "meta_pixel"
    title = "Meta pixel and Conversions API"
    usage_type = "ads_management"
    sends_webhooks = False
    routes = Routes(
        ("GET", "/v[0-9.]+/dataset_quality", "quality"),
        ("GET", "/v[0-9.]+/{pixel_id}/stats", "stats"),
        ("GET", "/v[0-9.]+/{pixel_id}/da_checks", "diagnostics"),
        ("POST", "/v[0-9.]+/{pixel_id}/events", "send_events"),
        ("GET", "/v[0-9.]+/{pixel_id}", "pixel"),
    )

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._pixels: dict[str, SandboxPixel] = {}
        self._events: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
        self._meter = Meter(100_000, 9_000)
        self.open_account({})

    def secret_of(self, token: str) -> str | None:
        """See GraphImitation."""
        return next((each.app_secret for each in self._pixels.values() if each.access_token == token), None)

    def act(self, operation: str, arguments: tuple[str, ...], request: Request, given: dict[str, str]) -> Response:
        """See GraphImitation."""
        pixel = self._pixels.get(arguments[0] if arguments else given.get("dataset_id", ""))
        if pixel is None:
            return refused("100/33")
        self._meter.count(self.world.clock.now(), 3 if operation == "send_events" else 1)
        match operation:
            case "stats":
                response = self._stats(pixel, request, given)
            case "diagnostics":
                rows = [{"key": key, "result": result, "title": title} for key, result, title in CHECKS]
                response = page(rows, request, given, 1)
            case "quality":
                response = self._quality(pixel)
            case "send_events":
                response = self._take(pixel, request, given)
            case _:
                response = self._state(pixel, given)
        response.headers += self._meter.headers(self.usage_type, pixel.pixel_id)
        return response

    def _state(self, pixel: SandboxPixel, given: Mapping[str, str]) -> Response:
        sent = [event["event_time"] for event in self._events[pixel.pixel_id].values()]
        fired = max([*sent, int(time.time()) // 3600 * 3600 if pixel.events_a_day else 0])
        row = {
            "id": pixel.pixel_id,
            "name": pixel.name,
            "is_unavailable": pixel.is_unavailable,
            "last_fired_time": _iso(fired) if fired else None,
        }
        return json_response(200, chosen(row, given.get("fields", "")))

    def _stats(self, pixel: SandboxPixel, request: Request, given: Mapping[str, str]) -> Response:
        """The browser's events come evenly over the day from the seed; the server's are those that were sent."""
        by = given.get("aggregation", "event")
        if by not in ("event", "event_source", "event_total_counts", "match_keys", "had_pii"):
            return refused("100", "(#100) Param aggregation is not valid")
        end = int(given.get("end_time") or time.time())
        start = int(given.get("start_time") or end - 86_400) // 3600 * 3600
        rows = []
        for hour in range(start, end, 3600):
            counts = self._counts(pixel, hour, by)
            if counts:
                data = [{"value": value, "count": count} for value, count in sorted(counts.items())]
                rows.append({"start_time": _iso(hour), "aggregation": by, "data": data})
        return page(rows, request, given, HOURS_A_PAGE)

    def _counts(self, pixel: SandboxPixel, hour: int, by: str) -> Counter[str]:
        counts: Counter[str] = Counter()
        if hour + 3600 <= time.time():
            for place, name in enumerate(EVENTS):
                share = pixel.events_a_day // 24 >> (place * 2)
                counts[name if by == "event" else "BROWSER"] += share
        for event in self._events[pixel.pixel_id].values():
            if hour <= event["event_time"] < hour + 3600:
                counts[event["event_name"] if by == "event" else "SERVER"] += 1
        return +counts

    def _quality(self, pixel: SandboxPixel) -> Response:
        rows = []
        for name in EVENTS if pixel.events_a_day else ():
            dice = hashlib.blake2b(
                f"{self.world.settings.seed}:{pixel.pixel_id}:{name}".encode(), digest_size=2
            ).digest()
            keys = [{"identifier": "email", "coverage": {"percentage": 40 + dice[0] % 60}}]
            rows.append(
                {
                    "event_name": name,
                    "event_match_quality": {"composite_score": 3 + dice[1] % 60 / 10, "match_key_feedback": keys},
                    "event_coverage": {"percentage": dice[1] % 90, "goal_percentage": 75},
                    "data_freshness": {"upload_frequency": "real_time"},
                }
            )
        return json_response(200, {"web": rows})

    def _take(self, pixel: SandboxPixel, request: Request, given: Mapping[str, str]) -> Response:
        events = structure(given, "data")
        if not isinstance(events, list) or not events:
            return refused("100", "(#100) The parameter data is required")
        if len(events) > MOST_EVENTS:
            return refused("100", f"(#100) The parameter data must have at most {MOST_EVENTS} items", subcode=2804018)
        for place, event in enumerate(events):
            if problem := _problem(event):
                sentence, subcode = problem
                return refused("100", "Invalid parameter", subcode=subcode, user_message=f"data[{place}]: {sentence}")
        known = self._events[pixel.pixel_id]
        new = {
            (event["event_name"], str(event.get("event_id") or self.world.new_id(8).hex())): event for event in events
        }
        fresh = {key: event for key, event in new.items() if key not in known}
        if fresh:
            reference = next(iter(fresh))[1]
            self.world.record_write(
                self, account=pixel.pixel_id, operation="send_events", reference=reference, body=list(fresh.values())
            )
            known |= fresh
        trace = "A" + self.world.new_id(11).hex()
        return json_response(200, {"events_received": len(events), "messages": [], "fbtrace_id": trace})

    def open_account(self, given: dict[str, Any]) -> dict[str, Any]:
        """See Imitation."""
        pixel = SandboxPixel(**known_fields(SandboxPixel, given))
        self._pixels[pixel.pixel_id] = pixel
        self._events.setdefault(pixel.pixel_id, {})
        return asdict(pixel)

    def accounts(self) -> list[dict[str, Any]]:
        """See Imitation."""
        return [asdict(pixel) for pixel in self._pixels.values()]

    def clear(self) -> None:
        """See Imitation."""
        self._events = {pixel_id: {} for pixel_id in self._pixels}
        self._meter = Meter(100_000, 9_000)


def _problem(event: Any) -> tuple[str, int] | None:
    """What is wrong with an event: a sentence and the subcode."""
    if not isinstance(event, dict) or not isinstance(event.get("event_name"), str) or not event["event_name"]:
        return "event_name is required", 2804002
    when = event.get("event_time")
    if not isinstance(when, int) or when > time.time() + 60:
        return "event_time must be a time in seconds, not in the future", 2804004
    if when < time.time() - OLDEST:
        return "event_time is more than 7 days ago", 2804003
    person = event.get("user_data")
    if not isinstance(person, dict) or not person:
        return "user_data has nothing to know a person by", 2804050
    hashes = [each for name in ("em", "ph", "fn", "ln") for each in person.get(name, ())]
    if not all(isinstance(each, str) and len(each) == 64 for each in hashes):
        return "user_data is not hashed", 2804019
    custom = event.get("custom_data") or {}
    if event["event_name"] == "Purchase" and not (
        custom.get("currency") and isinstance(custom.get("value"), int | float)
    ):
        return "a Purchase needs custom_data.currency and value", 2804009
    return None


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


IMITATIONS = (MetaPixelSandbox,)
