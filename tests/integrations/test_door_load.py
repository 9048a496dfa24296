"""The webhook door under load: shared commits, bounded waiting, nudges and counts."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from django.db import connection as database

from integrations import door as door_module
from integrations.door import WebhookDoor
from integrations.webhooks import group_commit
from integrations.webhooks.database import connect
from integrations.webhooks.group_commit import Delivery, GroupCommit, Unstorable
from integrations.webhooks.nudges import PAUSE_SECONDS, Nudger
from integrations.webhooks.tally import Tally
from tests.integrations import signing
from tests.integrations.door_calls import Connections, address, call, new_door, run, stored
from tests.integrations.inbound_records import connections as connections
from tests.integrations.signing import Signed


def test_many_deliveries_share_few_commits(connections: Connections, monkeypatch: pytest.MonkeyPatch) -> None:
    whatsapp = connections["whatsapp_cloud"]
    sizes: list[int] = []
    insert = group_commit._insert_rows

    async def counted(connection: Any, deliveries: Any) -> int:
        sizes.append(len(deliveries))
        return await insert(connection, deliveries)

    monkeypatch.setattr(group_commit, "_insert_rows", counted)

    async def steps(door: WebhookDoor) -> None:
        assert (await call(door, address(whatsapp), signing.meta(b"{}"))).status == 200
        signed = [signing.meta(json.dumps({"n": number}).encode()) for number in range(1_200)]
        answers = await asyncio.gather(*(call(door, address(whatsapp), each) for each in signed))
        assert {answer.status for answer in answers} == {200}

    run(steps)
    assert sorted(sizes) == [1, 200, 500, 500]
    assert len(stored(whatsapp)) == 1_201


def test_too_much_at_once_is_asked_to_come_back(connections: Connections, monkeypatch: pytest.MonkeyPatch) -> None:
    whatsapp = connections["whatsapp_cloud"]
    monkeypatch.setattr(group_commit, "MAX_WAITING", 10)

    async def steps(door: WebhookDoor) -> None:
        assert (await call(door, address(whatsapp), signing.meta(b"{}"))).status == 200
        signed = [signing.meta(json.dumps({"n": number}).encode()) for number in range(15)]
        answers = await asyncio.gather(*(call(door, address(whatsapp), each) for each in signed))
        assert sorted(answer.status for answer in answers) == [200] * 10 + [503] * 5

    run(steps)
    assert len(stored(whatsapp)) == 11


def test_a_delivery_that_postgresql_refuses_harms_only_itself(connections: Connections) -> None:
    resend = connections["resend"]

    def delivery(name: str, query: str = "") -> Delivery:
        return Delivery("resend", resend.pk, name, "application/json", query, b"{}")

    stored_counts: list[tuple[int, int]] = []

    async def whole() -> None:
        commits = GroupCommit(connect, lambda new, known: stored_counts.append((new, known)))
        results = await asyncio.gather(
            commits.store(delivery("a")), commits.store(delivery("b", "\x00")), commits.store(delivery("c")),
            return_exceptions=True,
        )  # fmt: skip
        assert [type(result) for result in results] == [type(None), Unstorable, type(None)]
        await commits.aclose()

    asyncio.run(whole())
    assert [event.provider_event_id for event in stored(resend)] == ["a", "c"]
    assert stored_counts == [(2, 0)]


def test_nudges_follow_commits_at_a_bounded_rate(connections: Connections) -> None:
    whatsapp = connections["whatsapp_cloud"]
    nudges: list[float] = []

    def nudge() -> bool:
        nudges.append(1)
        return True

    async def steps(door: WebhookDoor) -> None:
        for number in range(10):
            await call(door, address(whatsapp), signing.meta(str(number).encode()))
        async with asyncio.timeout(10):
            while len(nudges) < 2:
                await asyncio.sleep(0.01)

    began = time.monotonic()
    run(steps, nudge)
    assert 2 <= len(nudges) <= (time.monotonic() - began) / PAUSE_SECONDS + 1


def test_a_slow_broker_holds_up_no_answer() -> None:
    async def whole() -> None:
        loop = asyncio.get_running_loop()
        asked = asyncio.Event()

        def slow() -> bool:
            loop.call_soon_threadsafe(asked.set)
            return not ended.wait(5)

        nudger = Nudger(slow)
        before = loop.time()
        nudger.ring()
        await asked.wait()
        nudger.ring()
        assert loop.time() - before < 1
        ended.set()
        await nudger.aclose()

    ended = threading.Event()
    asyncio.run(whole())


def test_outcomes_are_counted_and_handed_over_in_a_thread(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    whatsapp = connections["whatsapp_cloud"]
    handed: Counter[str] = Counter()
    threads: set[str] = set()

    def hand_over(outcomes: Mapping[str, int]) -> None:
        threads.add(threading.current_thread().name)
        handed.update(outcomes)

    monkeypatch.setattr(door_module, "Tally", lambda: Tally(hand_over))

    async def steps(door: WebhookDoor) -> None:
        for body in (b"1", b"2", b"2"):
            assert (await call(door, address(whatsapp), signing.meta(body))).status == 200
        assert (await call(door, address(whatsapp), Signed({}, b"3"))).status == 401
        assert (await call(door, "/webhooks/nothing", Signed({}, b""))).status == 404

    run(steps)
    assert handed == {"stored": 2, "duplicate": 1, "bad_signature": 1, "unknown": 1}
    assert threading.main_thread().name not in threads


def test_the_lifespan_of_the_server_closes_the_door(connections: Connections) -> None:
    whatsapp = connections["whatsapp_cloud"]

    async def whole() -> None:
        door = new_door()
        told: list[str] = []
        messages: asyncio.Queue[dict[str, str]] = asyncio.Queue()

        async def send(message: Any) -> None:
            told.append(message["type"])

        living = asyncio.create_task(door({"type": "lifespan"}, messages.get, send))
        await messages.put({"type": "lifespan.startup"})
        assert (await call(door, address(whatsapp), signing.meta(b"{}"))).status == 200
        await messages.put({"type": "lifespan.shutdown"})
        await living
        assert told == ["lifespan.startup.complete", "lifespan.shutdown.complete"]

    asyncio.run(whole())
    ends = time.monotonic() + 10
    while open_backends():  # PostgreSQL needs a moment to notice
        assert time.monotonic() < ends
        time.sleep(0.02)


def open_backends() -> int:
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = 'batuta webhook door' AND datname = current_database()"
        )
        return int(cursor.fetchone()[0])
