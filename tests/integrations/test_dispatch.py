"""Acting on stored webhooks: batches, poison, leases, dead letters, replay; and its speed in a coarse test."""

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import orjson
import psycopg
import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from agency.models import AuditEntry
from integrations import inbound, tasks
from integrations.events import ConnectionEvent, MessageEvent, ReceivedEvent, ReceivedFact
from integrations.health import HealthState
from integrations.models import Connection, InboundEvent
from integrations.operations.inbound_events import (
    CLAIM_AGAIN,
    claim_inbound_events,
    fail_inbound_event,
    replay_inbound_event,
)
from integrations.runners.dispatching import dispatch_inbound
from integrations.states import InboundState
from tests.integrations.inbound_records import committed_connections
from tests.integrations.inbound_records import connections as connections

WHATSAPP = "whatsapp_cloud"


@pytest.fixture(autouse=True)
def only_these(connections: dict[str, Connection]) -> Iterator[None]:
    """No deliveries of other tests are waiting."""
    assert not InboundEvent.objects.filter(state=InboundState.RECEIVED).exists()
    yield


def statuses(*ids: str) -> bytes:
    """A WhatsApp delivery that says that these messages were delivered."""
    listed = [
        {"id": each, "status": "delivered", "timestamp": "1790000000", "recipient_id": "5511988887777"} for each in ids
    ]
    value = {"metadata": {"phone_number_id": "1"}, "statuses": listed}
    return orjson.dumps({"entry": [{"changes": [{"field": "messages", "value": value}]}]})


def store(owner: Connection, *bodies: bytes, **fields: Any) -> list[int]:
    """Deliveries as the door writes them."""
    today = timezone.now().date()
    number = InboundEvent.objects.filter(connection_id=owner.pk).count()
    rows = [
        InboundEvent(
            received_on=today,
            service=owner.service,
            connection_id=owner.pk,
            provider_event_id=f"event-{number + place}",
            content_type="application/json",
            query="",
            body=body,
            **fields,
        )
        for place, body in enumerate(bodies)
    ]
    return [row.pk for row in InboundEvent.objects.bulk_create(rows)]


def state_of(event_id: int) -> tuple[InboundState, int, str | None]:
    event = InboundEvent.objects.get(pk=event_id)
    return InboundState(event.state), event.attempt, event.error


def let_leases_end() -> None:
    past = timezone.now() - timedelta(seconds=1)
    InboundEvent.objects.filter(state=InboundState.RECEIVED).update(leased_until=past)


class Sink:
    """A receiver that keeps what it is given, and refuses messages on demand."""

    def __init__(self, refuses: Callable[[MessageEvent], bool] = lambda event: False) -> None:
        self.refuses = refuses
        self.kept: list[str] = []
        self.calls: list[int] = []

    def __call__(self, events: Sequence[ReceivedFact]) -> None:
        self.calls.append(len(events))
        assert transaction.get_connection().in_atomic_block
        for received in events:
            assert isinstance(received, ReceivedEvent)
            if self.refuses(received.event):
                raise ValueError(f"cannot apply {received.event.provider_message_id}")
        self.kept += [received.event.provider_message_id for received in events if isinstance(received, ReceivedEvent)]


def test_a_batch_is_given_at_once_in_order_and_marked_done(connections: dict[str, Connection]) -> None:
    owner, sink = connections[WHATSAPP], Sink()
    ids = store(owner, statuses("a", "b"), b'{"entry": []}', statuses("c"))
    assert dispatch_inbound(sink) is False
    assert (sink.kept, sink.calls) == (["a", "b", "c"], [3])
    assert [state_of(each) for each in ids] == [
        (InboundState.DONE, 1, None),
        (InboundState.IGNORED, 1, None),
        (InboundState.DONE, 1, None),
    ]
    assert dispatch_inbound(sink) is False
    assert sink.calls == [3]


def test_events_say_where_and_when_they_came_from(connections: dict[str, Connection]) -> None:
    owner = connections["evolution"]
    received: list[ReceivedFact] = []
    update = {"event": "messages.update", "instance": "loja", "data": {"keyId": "K", "status": "READ", "fromMe": True}}
    (event_id,) = store(owner, orjson.dumps(update))
    dispatch_inbound(received.extend)
    (fact,) = received
    arrived = InboundEvent.objects.get(pk=event_id).received_at
    assert (fact.inbound_event_id, fact.service, fact.connection_id, fact.received_at) == (
        event_id,
        "evolution",
        owner.pk,
        arrived,
    )
    assert fact.event.occurred_at == arrived  # Evolution names no time


def test_one_that_cannot_be_read_is_a_dead_letter_at_once(connections: dict[str, Connection]) -> None:
    sink = Sink()
    good, broken = store(connections[WHATSAPP], statuses("a"), b"[1]")
    unknown = InboundEvent.objects.create(
        received_on=timezone.now().date(), service="telegraph", connection_id=connections[WHATSAPP].pk,
        provider_event_id="x", content_type="", query="", body=b"{}",
    ).pk  # fmt: skip
    dispatch_inbound(sink)
    assert sink.kept == ["a"]
    assert state_of(good)[0] is InboundState.DONE
    assert state_of(broken) == (InboundState.FAILED, 1, "the body is not a JSON object")
    assert state_of(unknown)[0] is InboundState.FAILED


def test_one_that_cannot_be_applied_harms_only_itself_and_is_buried_after_five_attempts(
    connections: dict[str, Connection],
) -> None:
    sink = Sink(lambda event: event.provider_message_id == "poison")
    names = [f"m{number}" for number in range(40)]
    names[17] = "poison"
    ids = store(connections[WHATSAPP], *(statuses(name) for name in names))
    dispatch_inbound(sink)
    assert sink.kept == [name for name in names if name != "poison"]
    assert len(sink.calls) == 11  # halved, not one by one
    for attempt in range(1, 5):
        assert state_of(ids[17]) == (InboundState.RECEIVED, attempt, "ValueError: cannot apply poison")
        assert dispatch_inbound(sink) is False  # it waits its turn
        let_leases_end()
        dispatch_inbound(sink)
    assert state_of(ids[17]) == (InboundState.FAILED, 5, "ValueError: cannot apply poison")
    assert {state_of(each)[0] for each in ids if each != ids[17]} == {InboundState.DONE}


def test_what_the_receiver_wrote_is_undone_with_the_failure(connections: dict[str, Connection]) -> None:
    owner = connections[WHATSAPP]
    (event_id,) = store(owner, statuses("a"))

    def write_and_fail(events: Sequence[ReceivedFact]) -> None:
        Connection.objects.filter(pk=owner.pk).update(name="half written")
        raise ValueError("no")

    dispatch_inbound(write_and_fail)
    owner.refresh_from_db()
    assert owner.name == "Door whatsapp_cloud"
    assert state_of(event_id)[0] is InboundState.RECEIVED


def test_a_killed_process_leaves_rows_that_move_again_in_smaller_claims(connections: dict[str, Connection]) -> None:
    ids = store(connections[WHATSAPP], *(statuses(f"m{number}") for number in range(120)))
    _, first = claim_inbound_events()
    assert [event.id for event in first] == ids
    assert claim_inbound_events()[1] == []  # leased
    let_leases_end()
    _, second = claim_inbound_events()
    assert [(event.id, event.attempt) for event in second] == [(each, 2) for each in ids[:CLAIM_AGAIN]]
    let_leases_end()
    assert [(event.id, event.attempt) for event in claim_inbound_events()[1]] == [(ids[0], 3)]
    let_leases_end()
    sink = Sink()
    dispatch_inbound(sink)
    assert len(sink.kept) == 120


def test_one_that_kills_its_process_again_and_again_is_buried(connections: dict[str, Connection]) -> None:
    (event_id,) = store(connections[WHATSAPP], statuses("killer"))
    for _ in range(5):
        assert [event.id for event in claim_inbound_events()[1]] == [event_id]
        let_leases_end()
    sink = Sink()
    dispatch_inbound(sink)
    assert sink.calls == []
    assert state_of(event_id) == (InboundState.FAILED, 6, "each attempt ended with its process")


def test_a_claim_holds_at_most_eight_megabytes_of_bodies(connections: dict[str, Connection]) -> None:
    store(connections[WHATSAPP], *[b" " * 1024 * 1024] * 12)
    assert [len(claim_inbound_events()[1]) for _ in range(3)] == [8, 4, 0]


def test_a_lost_lease_gives_nothing_twice(connections: dict[str, Connection]) -> None:
    sink = Sink()
    ids = store(connections[WHATSAPP], statuses("a"), statuses("b"))

    lease, (first, _) = claim_inbound_events()
    let_leases_end()
    dispatch_inbound(sink)
    assert sink.kept == ["a", "b"]
    assert fail_inbound_event(lease=lease, event=first, error="late", is_final=True) is None
    assert {state_of(each) for each in ids} == {(InboundState.DONE, 2, None)}


def test_two_dispatchers_share_the_work(connections: dict[str, Connection]) -> None:
    store(connections[WHATSAPP], *(statuses(f"m{number}") for number in range(300)))
    sinks = [Sink(), Sink()]

    def work(sink: Sink) -> None:
        try:
            dispatch_inbound(sink)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(sink,)) for sink in sinks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sinks[0].kept + sinks[1].kept) == sorted(f"m{number}" for number in range(300))


def test_a_deadlock_is_tried_again_and_an_outage_blames_nobody(connections: dict[str, Connection]) -> None:
    (event_id,) = store(connections[WHATSAPP], statuses("a"))
    errors: list[psycopg.Error] = [psycopg.errors.DeadlockDetected(), psycopg.errors.SerializationFailure()]
    sink = Sink()

    def unlucky(events: Sequence[ReceivedFact]) -> None:
        if errors:
            raise OperationalError("lost") from errors.pop()
        sink(events)

    dispatch_inbound(unlucky)
    assert sink.kept == ["a"]
    (second,) = store(connections[WHATSAPP], statuses("b"))
    errors.append(psycopg.errors.AdminShutdown())
    with pytest.raises(OperationalError):
        dispatch_inbound(unlucky)
    assert state_of(second) == (InboundState.RECEIVED, 1, None)
    assert state_of(event_id)[0] is InboundState.DONE


def test_the_time_budget_leaves_the_rest_to_the_next_nudge(connections: dict[str, Connection]) -> None:
    store(connections[WHATSAPP], statuses("a"))
    assert dispatch_inbound(Sink(), budget_seconds=0) is True
    assert dispatch_inbound(Sink()) is False


def test_the_task_wakes_itself_while_rows_may_be_left(
    connections: dict[str, Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    (ignored,) = store(connections[WHATSAPP], b'{"entry": []}')
    nudges: list[str] = []
    monkeypatch.setattr(tasks, "enqueue", nudges.append)
    tasks.dispatch_inbound()
    assert (state_of(ignored)[0], nudges) == (InboundState.IGNORED, [])
    monkeypatch.setattr(tasks, "dispatch_due_events", lambda deliver: True)
    tasks.dispatch_inbound()
    assert nudges == ["integrations.dispatch_inbound"]


def test_replay_starts_again_and_is_audited(connections: dict[str, Connection]) -> None:
    actor = Actor.system("test")
    broken, done = store(connections[WHATSAPP], b"[]", statuses("a"))
    dispatch_inbound(Sink())
    InboundEvent.objects.filter(pk=broken).update(body=statuses("mended"))
    replay_inbound_event(actor=actor, inbound_event_id=broken, why="mended")
    assert state_of(broken) == (InboundState.RECEIVED, 0, None)
    entry = AuditEntry.objects.filter(action="replay_inbound_event", subject_id=broken).get()
    assert (entry.before, entry.after, entry.why) == (
        {"state": "failed", "error": "the body is not a JSON object"},
        {"state": "received"},
        "mended",
    )
    entry.delete()
    with pytest.raises(OperationRefused) as refused:
        replay_inbound_event(actor=actor, inbound_event_id=done)
    assert refused.value.code == "not_replayable"
    with pytest.raises(OperationRefused):
        replay_inbound_event(actor=actor, inbound_event_id=broken)
    sink = Sink()
    dispatch_inbound(sink)
    assert sink.kept == ["mended"]


def test_each_receiver_gets_its_kind_of_event(
    connections: dict[str, Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[Any]] = {"one": [], "two": []}
    table = {MessageEvent: {"one": seen["one"].extend}, ConnectionEvent: {"two": seen["two"].extend}}
    monkeypatch.setattr(inbound, "_receivers", table)
    store(connections[WHATSAPP], statuses("a"))
    closed = {"event": "connection.update", "instance": "loja", "data": {"state": "close", "statusReason": 401}}
    store(connections["evolution"], orjson.dumps(closed))
    dispatch_inbound(inbound.deliver)
    assert [received.event.provider_message_id for received in seen["one"]] == ["a"]
    assert [received.event.own_address for received in seen["two"]] == ["loja"]


def test_a_phone_that_logs_out_shows_on_its_connection(connections: dict[str, Connection]) -> None:
    owner = connections["evolution"]

    def say(state: str) -> Connection:
        data = {"state": state, "statusReason": 401}
        store(owner, orjson.dumps({"event": "connection.update", "instance": "loja", "data": data}))
        dispatch_inbound(inbound.deliver)
        owner.refresh_from_db()
        return owner

    assert (say("close").health, "401" in owner.health_text) == (HealthState.FAILED, True)
    assert say("open").health == HealthState.OK
    AuditEntry.objects.filter(subject_type="integrations.Connection", subject_id=owner.pk).delete()


def test_a_removed_connection_changes_nothing() -> None:
    with committed_connections("evolution") as made:
        owner = made["evolution"]
        closed = {"event": "connection.update", "instance": "loja", "data": {"state": "close"}}
        (event_id,) = store(owner, orjson.dumps(closed))
        Connection.objects.filter(pk=owner.pk).delete()
        dispatch_inbound(inbound.deliver)
        assert state_of(event_id)[0] is InboundState.DONE
