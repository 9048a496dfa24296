"""Meta pixel: recorded answers read by the client and matched by the sandbox; what makes Meta refuse a whole batch."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integrations.errors import Refused
from integrations.meta_pixel.client import MetaPixelClient, build
from integrations.meta_pixel.records import ConversionEvent, EventCount, EventQuality, EventsTaken, Person, Pixel
from integrations.sandbox.runner import RunningSandbox
from tests.integrations.sandbox.receiver import Receiver
from tests.integrations.services.cases import connection
from tests.integrations.services.meta_pixel import BOUGHT, SECRETS

pytestmark = pytest.mark.django_db
PAYLOADS = Path(__file__).parents[1] / "payloads" / "meta_pixel"
AT = datetime(2026, 11, 20, 14, tzinfo=UTC)
READ: dict[str, tuple[Callable[[MetaPixelClient], Any], Any]] = {
    "pixel": (
        lambda client: client.pixel(),
        Pixel("300000000000001", "Loja", False, datetime(2026, 11, 20, 14, 2, 11, tzinfo=UTC)),
    ),
    "stats": (
        lambda client: client.stats(AT, AT + timedelta(hours=1)),
        [EventCount(AT, "Purchase", 12)],
    ),
    "quality": (
        lambda client: client.quality(),
        [EventQuality("Purchase", Decimal("6.2"), {"email": Decimal("71.5")}, Decimal(62), Decimal(75), "real_time")],
    ),
    "send_events": (
        lambda client: client.send_events([BOUGHT]),
        EventsTaken(1, (), ("AbCdEfGh1234567890",)),
    ),
}


def client_of(sandbox: RunningSandbox, **settings: str) -> MetaPixelClient:
    return build(connection("meta_pixel", sandbox, SECRETS, **{"pixel_id": "300000000000001", **settings}))


def shape(content: Any) -> Any:
    """The names of an answer, the first item standing for a list."""
    if isinstance(content, dict):
        return {name: shape(value) for name, value in sorted(content.items())}
    return [shape(content[0])] if isinstance(content, list) and content else type(content) in (int, float) and "number"


@pytest.mark.parametrize("name", READ)
def test_a_recorded_answer_is_read_and_the_sandbox_answers_alike(
    name: str, sandbox: RunningSandbox, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, expected = READ[name]
    recorded = (PAYLOADS / f"{name}.json").read_bytes()
    receiver.answer = lambda taken: (200, recorded)
    assert call(client_of(sandbox, base_url=receiver.url)) == expected
    seen: list[Any] = []
    client = client_of(sandbox)
    ask = client._graph.ask

    def asked(*given: Any, **more: Any) -> Any:
        seen.append(ask(*given, **more))
        return seen[-1]

    monkeypatch.setattr(client._graph, "ask", asked)
    call(client)
    assert shape(seen[0]) == shape(json.loads(recorded))


def test_a_recorded_refusal_names_code_and_trace(sandbox: RunningSandbox, receiver: Receiver) -> None:
    receiver.answer = lambda taken: (400, (PAYLOADS / "too_old.json").read_bytes())
    with pytest.raises(Refused, match="100/2804003 The timestamp .* too far in the past. .trace AbCdEfGh1234567890"):
        client_of(sandbox, base_url=receiver.url).send_events([BOUGHT])


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (replace(BOUGHT, name=""), "100/2804002"),
        (replace(BOUGHT, occurred_at=datetime.now(UTC) - timedelta(days=8)), "100/2804003"),
        (replace(BOUGHT, occurred_at=datetime.now(UTC) + timedelta(hours=1)), "100/2804004"),
        (replace(BOUGHT, person=Person()), "100/2804050"),
        (replace(BOUGHT, value=None), "100/2804009"),
        (replace(BOUGHT, event_id=""), "event_id_missing"),
    ],
)
def test_one_bad_event_refuses_the_whole_call(bad: ConversionEvent, code: str, sandbox: RunningSandbox) -> None:
    with pytest.raises(Refused) as raised:
        client_of(sandbox).send_events([BOUGHT, bad])
    assert raised.value.code == code
    assert sandbox.control.writes("meta_pixel") == []


def test_events_go_in_thousands_and_are_known_by_name_and_id(sandbox: RunningSandbox) -> None:
    client = client_of(sandbox)
    many = [replace(BOUGHT, event_id=f"order-{number}") for number in range(1_001)]
    assert client.send_events(many).received == 1_001
    assert len(sandbox.control.writes("meta_pixel", "send_events")) == 2
    assert client.send_events(many).received == 1_001
    assert client.send_events([BOUGHT, BOUGHT]).received == 2
    assert len(sandbox.control.writes("meta_pixel", "send_events")) == 2  # order-42 was among the many
    hour = BOUGHT.occurred_at.replace(minute=0, second=0, microsecond=0)
    rows = client.stats(hour, hour + timedelta(hours=1), by="event_source")
    assert [row for row in rows if row.value == "SERVER"] == [EventCount(hour, "SERVER", 1_001)]


def test_nobody_leaves_in_plain_text(sandbox: RunningSandbox) -> None:
    client_of(sandbox).send_events([BOUGHT])
    (write,) = sandbox.control.writes("meta_pixel")
    assert "example.com" not in write.text
    assert "99999" not in write.text
    assert '"fbp":"fb.1.1.2"' in write.text
