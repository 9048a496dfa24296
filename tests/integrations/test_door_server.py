"""The webhook door in a real uvicorn process: what it answered is in the database, even when it is killed."""

import asyncio
import os
import signal
import time
import urllib.request

import pytest

from benchmarks.webhook_load import Load, signed_requests
from benchmarks.webhooks import running_door
from integrations.models import Connection, InboundEvent
from tests.committed import Live
from tests.integrations.inbound_records import committed_connections
from tests.integrations.signing import SECRETS

CONNECTIONS = 40
pytestmark = pytest.mark.scenario


def requests_for(connection: Connection, number: int, run: str) -> list[bytes]:
    path = f"/webhooks/{connection.service}/{connection.key}"
    return signed_requests(path, SECRETS["whatsapp_cloud"]["app_secret"], number, 1, run)


def stored(connection: Connection) -> int:
    return InboundEvent.objects.filter(connection_id=connection.pk).count()


def test_every_answer_is_a_stored_event(live: Live) -> None:
    with committed_connections("whatsapp_cloud") as made, running_door(live.environment) as (port, server):
        connection = made["whatsapp_cloud"]
        load = Load(requests_for(connection, 1_000, "a"), rate=1_000)
        asyncio.run(load.run(port, CONNECTIONS))
        assert load.statuses == {200: 1_000}
        assert stored(connection) == 1_000
        nudges = live.messages("webhooks")
        assert {nudge["task"] for nudge in nudges} == {"integrations.dispatch_inbound"}
        assert 1 <= len(nudges) <= 20

        again = Load(requests_for(connection, 1_000, "a"), rate=2_000)
        asyncio.run(again.run(port, CONNECTIONS))
        assert again.statuses == {200: 1_000}
        assert stored(connection) == 1_000

        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=30) as answer:
            assert answer.status == 200  # Django is behind the door

        server.send_signal(signal.SIGTERM)
        assert server.wait(20) in (0, -signal.SIGTERM)


def test_a_killed_door_answered_nothing_that_is_not_stored(live: Live) -> None:
    with committed_connections("whatsapp_cloud") as made, running_door(live.environment) as (port, server):
        connection = made["whatsapp_cloud"]
        load = Load(requests_for(connection, 20_000, "b"), rate=2_000)

        async def kill_in_the_middle() -> None:
            posting = asyncio.create_task(load.run(port, CONNECTIONS))
            ends = time.monotonic() + 60
            while load.statuses[200] < 1_000 and time.monotonic() < ends:
                await asyncio.sleep(0.002)
            os.kill(server.pid, signal.SIGKILL)
            await posting

        asyncio.run(kill_in_the_middle())
        answered = load.statuses[200]
        assert load.statuses == {200: answered}
        assert load.lost == CONNECTIONS
        # What was committed but not answered is sent again by the provider, and known then.
        assert answered <= stored(connection) <= answered + CONNECTIONS
