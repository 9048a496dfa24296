"""Meta pixel and Conversions API."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from integrations.errors import AuthenticationFailed, RateLimited, Refused, TemporaryFailure
from integrations.facts import ConnectionFacts
from integrations.meta_pixel.client import MetaPixelClient
from integrations.meta_pixel.records import (
    ConversionEvent,
    Diagnosis,
    EventCount,
    EventQuality,
    EventsTaken,
    Person,
    Pixel,
)
from integrations.sandbox.runner import RunningSandbox
from tests.integrations.services.cases import Case, Contract, connection, equals

SECRETS = {"access_token": "sandbox-meta-token", "app_secret": "sandbox-app-secret"}
ANA = Person(email=" Ana@Example.com", phone="+55 81 99999-0000", first_name="Ana", browser_id="fb.1.1.2")
BOUGHT = ConversionEvent("order-42", "Purchase", datetime.now(UTC), ANA, value=Decimal("99.90"), currency="BRL")
HOUR = datetime.fromtimestamp(time.time() // 3600 * 3600, UTC)


def facts(sandbox: RunningSandbox) -> ConnectionFacts:
    return connection("meta_pixel", sandbox, SECRETS, pixel_id="300000000000001")


def found(pixel: Pixel) -> None:
    assert pixel == Pixel("300000000000001", "Loja", False, pixel.last_fired_at)
    assert pixel.last_fired_at is not None
    assert HOUR <= pixel.last_fired_at <= datetime.now(UTC)


def counted(counts: list[EventCount]) -> None:
    assert [(each.hour, each.value, each.count) for each in counts] == [
        (HOUR - timedelta(hours=ago), value, count)
        for ago in range(12, 0, -1)
        for value, count in (("Lead", 1), ("PageView", 20), ("ViewContent", 5))
    ]


def rated(rows: list[EventQuality]) -> None:
    assert [row.event_name for row in rows] == ["PageView", "ViewContent", "Lead", "Purchase"]
    assert all(row.score is not None and 3 <= row.score <= 9 for row in rows)
    assert all(list(row.match_keys) == ["email"] and row.coverage_goal == 75 for row in rows)


def taken(result: EventsTaken) -> None:
    assert (result.received, result.remarks, len(result.traces)) == (2, (), 1)


def two_purchases(client: MetaPixelClient) -> EventsTaken:
    return client.send_events([BOUGHT, replace(BOUGHT, event_id="order-43")])


CONTRACT = Contract(
    slug="meta_pixel",
    connect=facts,
    refused_operation="send_events",
    refusals={
        "1": TemporaryFailure,
        "4": RateLimited,
        "10": AuthenticationFailed,
        "17": RateLimited,
        "100": Refused,
        "102": AuthenticationFailed,
        "190": AuthenticationFailed,
        "200": AuthenticationFailed,
        "368": AuthenticationFailed,
        "613": RateLimited,
        "2635": Refused,
        "80004": RateLimited,
    },
    cases=(
        Case(
            "pixel",
            lambda client: client.pixel(),
            found,
            required=("id", "name", "is_unavailable"),
            is_live=True,
        ),
        Case(
            "stats",
            lambda client: client.stats(HOUR - timedelta(hours=12), HOUR),
            counted,
            required=(
                "data",
                "data[].start_time",
                "data[].data",
                "data[].data[].value",
                "data[].data[].count",
                "paging.cursors.after",
            ),
            is_live=True,
        ),
        Case(
            "diagnostics",
            lambda client: client.diagnostics(),
            equals(
                [
                    Diagnosis("capi_event_id_missing", "passed", "Event IDs are sent"),
                    Diagnosis("pixel_missing_currency", "failed", "Purchases without a currency"),
                ]
            ),
            required=("data", "data[].key", "data[].result"),
            is_live=True,
        ),
        Case(
            "quality",
            lambda client: client.quality(),
            rated,
            required=("web", "web[].event_name"),
            is_live=True,
        ),
        Case("send_events", two_purchases, taken, required=("events_received", "fbtrace_id")),
        Case(
            "health",
            lambda client: client.look(),
            found,
            required=("id", "name", "is_unavailable"),
            wire="pixel",
            is_live=True,
        ),
    ),
)
