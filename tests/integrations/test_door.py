"""The webhook door, called as an ASGI application, with the real PostgreSQL."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from integrations import door as door_module
from integrations.door import WebhookDoor
from integrations.models import Connection, InboundEvent
from integrations.states import InboundState
from integrations.webhooks import known_connections
from integrations.webhooks.database import connect
from tests.integrations import signing
from tests.integrations.door_calls import Connections, address, call, run, stored
from tests.integrations.inbound_records import connections as connections
from tests.integrations.signing import Signed


def test_each_service_is_verified_and_stored_as_it_came(connections: Connections) -> None:
    callback = {"MessageSid": "SM1", "MessageStatus": "sent", "To": "+5581999990000"}
    sent = {
        "whatsapp_cloud": signing.meta(b'{"entry": []}'),
        "evolution": signing.evolution(b'{"event": "messages.update"}'),
        "twilio": signing.twilio(callback, query="reference=41", key=connections["twilio"].key),
        "resend": signing.svix(b'{"type": "email.sent"}', event="msg_41"),
    }

    async def steps(door: WebhookDoor) -> None:
        for service, signed in sent.items():
            answer = await call(door, address(connections[service]), signed)
            assert (answer.status, answer.body) == (200, b"ok"), service

    run(steps)
    for service, signed in sent.items():
        (event,) = stored(connections[service])
        assert bytes(event.body) == signed.body
        assert (event.service, event.query, event.content_type) == (
            service,
            signed.query,
            signed.headers["content-type"],
        )
        assert (event.state, event.attempt, event.lease) == (InboundState.RECEIVED, 0, None)
        assert event.received_on == event.received_at.date()
    assert stored(connections["resend"])[0].provider_event_id == "msg_41"
    assert stored(connections["twilio"])[0].provider_event_id == "SM1:sent"


def test_a_repeated_delivery_is_answered_and_not_stored_again(connections: Connections) -> None:
    resend = connections["resend"]

    async def first(door: WebhookDoor) -> None:
        same = [call(door, address(resend), signing.svix(b"{}", event=f"msg_{n % 3}")) for n in range(30)]
        assert {answer.status for answer in await asyncio.gather(*same)} == {200}
        assert (await call(door, address(resend), signing.svix(b"{}", event="msg_0"))).status == 200

    run(first)
    assert sorted(event.provider_event_id for event in stored(resend)) == ["msg_0", "msg_1", "msg_2"]
    InboundEvent.objects.filter(connection_id=resend.pk).update(
        received_on=stored(resend)[0].received_on - timedelta(days=1)
    )

    async def next_day(door: WebhookDoor) -> None:
        for event in ("msg_0", "msg_3"):
            assert (await call(door, address(resend), signing.svix(b"{}", event=event))).status == 200

    run(next_day)
    assert sorted(event.provider_event_id for event in stored(resend)) == ["msg_0", "msg_1", "msg_2", "msg_3"]


def test_one_connections_ids_do_not_hide_those_of_another(connections: Connections) -> None:
    async def steps(door: WebhookDoor) -> None:
        assert (await call(door, address(connections["whatsapp_cloud"]), signing.meta(b"{}"))).status == 200
        assert (await call(door, address(connections["evolution"]), signing.evolution(b"{}"))).status == 200

    run(steps)
    assert [len(stored(connections[service])) for service in ("whatsapp_cloud", "evolution")] == [1, 1]


def test_what_is_refused_leaves_nothing(connections: Connections) -> None:
    whatsapp, resend = connections["whatsapp_cloud"], connections["resend"]
    good = signing.meta(b"{}")
    declared = {**good.headers, "content-length": str(1024 * 1024 + 1)}
    half = b"x" * 600_000

    async def steps(door: WebhookDoor) -> None:
        async def status(path: str, signed: Signed, pieces: list[bytes] | None = None) -> int:
            return (await call(door, path, signed, pieces)).status

        assert await status(address(whatsapp), replace(good, body=b"{} ")) == 401
        assert await status(address(whatsapp), Signed({}, b"{}")) == 401
        assert await status(address(resend), signing.svix(b"{}", at=1_790_000_000)) == 401
        assert await status(address(whatsapp), replace(good, method="PUT")) == 405
        assert await status(address(resend), replace(good, method="GET")) == 405
        assert await status(address(whatsapp), replace(good, headers=declared)) == 413
        assert await status(address(whatsapp), good, [half, half]) == 413
        assert await status(address(whatsapp), signing.meta(b'"\xff"')) == 400
        assert await status(address(whatsapp), signing.meta(b'"\x00"')) == 400
        assert await status(address(whatsapp).replace("whatsapp_cloud", "evolution"), good) == 404
        assert await status(f"{address(whatsapp)}/messages-upsert", good) == 404
        for path in (
            "/webhooks/",
            "/webhooks/whatsapp_cloud",
            "/webhooks/smtp/" + "k" * 24,
            "/webhooks/../" + "k" * 24,
        ):
            assert await status(path, good) == 404
        assert await status("/admin/", good) == 299

    run(steps)
    assert [stored(connection) for connection in connections.values()] == [[], [], [], []]


def test_evolution_may_append_the_event_to_the_address(connections: Connections) -> None:
    evolution = connections["evolution"]

    async def steps(door: WebhookDoor) -> None:
        answer = await call(door, f"{address(evolution)}/messages-upsert", signing.evolution(b"{}"))
        assert answer.status == 200

    run(steps)
    assert len(stored(evolution)) == 1


def test_meta_registers_the_address(connections: Connections) -> None:
    whatsapp = connections["whatsapp_cloud"]
    query = "hub.mode=subscribe&hub.challenge=4711&hub.verify_token="

    async def steps(door: WebhookDoor) -> None:
        answer = await call(door, address(whatsapp), Signed({}, b"", query + "verify-1", "GET"))
        assert (answer.status, answer.body) == (200, b"4711")
        assert answer.headers[b"content-type"] == b"text/plain; charset=utf-8"
        assert (await call(door, address(whatsapp), Signed({}, b"", query + "other", "GET"))).status == 401

    run(steps)


def test_unknown_keys_cost_no_query_and_changes_are_noticed(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    whatsapp = connections["whatsapp_cloud"]
    reads = 0
    read = door_module._read_connections

    async def counted() -> Any:
        nonlocal reads
        reads += 1
        return await read()

    monkeypatch.setattr(door_module, "_read_connections", counted)

    async def flood(door: WebhookDoor) -> None:
        paths = [f"/webhooks/whatsapp_cloud/{number:024d}" for number in range(500)]
        answers = await asyncio.gather(*(call(door, path, signing.meta(b"{}")) for path in paths))
        assert {answer.status for answer in answers} == {404}
        assert (await call(door, address(whatsapp), signing.meta(b"{}"))).status == 200

    run(flood)
    assert reads == 1

    Connection.objects.filter(pk=whatsapp.pk).update(enabled=False)

    async def disabled(door: WebhookDoor) -> None:
        assert (await call(door, address(whatsapp), signing.meta(b"{}"))).status == 404
        async with await connect() as other:
            await other.execute("UPDATE integrations_connection SET enabled = true WHERE id = %s", [whatsapp.pk])
        monkeypatch.setattr(known_connections, "MISS_SECONDS", 0.0)
        assert (await call(door, address(whatsapp), signing.meta(b"{}"))).status == 200

    run(disabled)


def test_a_connection_without_secret_asks_to_come_back(connections: Connections) -> None:
    whatsapp = connections["whatsapp_cloud"]
    Connection.objects.filter(pk=whatsapp.pk).update(sealed_secrets=b"")

    async def steps(door: WebhookDoor) -> None:
        answer = await call(door, address(whatsapp), signing.meta(b"{}"))
        assert (answer.status, answer.headers[b"retry-after"]) == (503, b"5")

    run(steps)
    assert stored(whatsapp) == []


def test_while_the_database_is_away_nothing_is_taken(connections: Connections, monkeypatch: pytest.MonkeyPatch) -> None:
    whatsapp = connections["whatsapp_cloud"]
    signed = [signing.meta(json.dumps({"n": number}).encode()) for number in range(20)]

    async def steps(door: WebhookDoor) -> None:
        assert (await call(door, address(whatsapp), signed[0])).status == 200
        room = door._open_room()
        here = room.commits._connect

        async def away() -> Any:
            raise ConnectionRefusedError

        await room.commits._idle.pop().close()
        room.commits._connect = away
        answers = await asyncio.gather(*(call(door, address(whatsapp), each) for each in signed))
        assert {(answer.status, answer.headers[b"retry-after"]) for answer in answers} == {(503, b"5")}
        room.commits._connect = here
        answers = await asyncio.gather(*(call(door, address(whatsapp), each) for each in signed))
        assert {answer.status for answer in answers} == {200}

    run(steps)
    assert len(stored(whatsapp)) == 20


def test_a_door_opened_while_the_database_is_away_says_so(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    whatsapp = connections["whatsapp_cloud"]

    async def away() -> Any:
        raise ConnectionRefusedError

    async def steps(door: WebhookDoor) -> None:
        read = door_module._read_connections
        monkeypatch.setattr(door_module, "_read_connections", away)
        assert (await call(door, address(whatsapp), signing.meta(b"{}"))).status == 503
        await door.aclose()
        monkeypatch.setattr(door_module, "_read_connections", read)
        assert (await call(door, address(whatsapp), signing.meta(b"{}"))).status == 200

    run(steps)


def test_a_connection_that_postgresql_ended_is_replaced(connections: Connections) -> None:
    whatsapp = connections["whatsapp_cloud"]

    async def steps(door: WebhookDoor) -> None:
        assert (await call(door, address(whatsapp), signing.meta(b"1"))).status == 200
        async with await connect() as other:
            await other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'batuta webhook door' AND pid <> pg_backend_pid()"
                " AND datname = current_database()"
            )
        assert (await call(door, address(whatsapp), signing.meta(b"2"))).status == 200

    run(steps)
    assert len(stored(whatsapp)) == 2
