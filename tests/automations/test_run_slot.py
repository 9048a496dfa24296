"""One slot in a worker: once, whatever is delivered twice, fails or falls silent."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from celery import current_app
from django.db.models.functions import Now

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from agency.models import AuditEntry
from automations.models import Slot
from automations.operations.slots import (
    MAX_ATTEMPTS,
    claim_slot,
    finish_slot,
    prune_slots,
    quarantine_silent_slots,
    renew_slot,
    retry_slot,
)
from automations.runners.run_slot import run_slot
from automations.selectors.ledger import stale_nudges
from automations.states import SlotReason, SlotState
from tests.automations.clockwork import at

pytestmark = pytest.mark.django_db

PERSON = Actor(label="ana", user_id=1)


class Spy:
    """A task that notes its calls, and fails while `broken`."""

    def __init__(self) -> None:
        self.calls: list[dict[str, object]] = []
        self.broken = False

    def __call__(self, **kwargs: object) -> str:
        self.calls.append(kwargs)
        if self.broken:
            raise LookupError("no such report")
        return "3 reports sent"


@pytest.fixture
def spy() -> Iterator[Spy]:
    spy = Spy()

    @current_app.task(name="tests.spy")
    def call(**kwargs: object) -> str:
        return spy(**kwargs)

    yield spy
    current_app.tasks.unregister("tests.spy")


def due(task: str = "tests.spy") -> Slot:
    return Slot.objects.create(
        key="tests.report", slot=at("2026-11-21T10:00:00-03:00"), task=task, queue="maintenance", kwargs={"top": 3}
    )


def fall_silent(slot: Slot) -> None:
    Slot.objects.filter(pk=slot.pk).update(
        lease_until=Now() - timedelta(seconds=1), nudged_at=Now() - timedelta(minutes=1)
    )


def test_a_slot_runs_once_however_often_it_is_delivered(spy: Spy) -> None:
    slot = due()
    run_slot(slot_id=slot.pk)
    run_slot(slot_id=slot.pk)
    assert spy.calls == [{"top": 3, "slot": "2026-11-21T13:00:00+00:00"}]
    slot.refresh_from_db()
    assert (slot.state, slot.attempt, slot.detail) == (SlotState.DONE, 1, "3 reports sent")


def test_a_failing_slot_is_tried_three_times_and_then_a_persons(spy: Spy) -> None:
    slot, spy.broken = due(), True
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert Slot.objects.get().state == SlotState.DUE
        run_slot(slot_id=slot.pk)
        assert Slot.objects.get().attempt == attempt
    run_slot(slot_id=slot.pk)
    slot.refresh_from_db()
    assert (slot.state, slot.reason, slot.detail) == (SlotState.FAILED, SlotReason.ERROR, "LookupError: no such report")
    assert len(spy.calls) == MAX_ATTEMPTS
    spy.broken = False
    retry_slot(actor=PERSON, slot_id=slot.pk, why="the report is back")
    run_slot(slot_id=slot.pk)
    slot.refresh_from_db()
    assert (slot.state, slot.detail) == (SlotState.DONE, "3 reports sent")
    assert AuditEntry.objects.get(action="slot.retry").why == "the report is back"
    with pytest.raises(OperationRefused):
        retry_slot(actor=PERSON, slot_id=slot.pk)


def test_a_silent_workers_slot_goes_to_another_and_the_first_closes_nothing() -> None:
    slot = due()
    first = claim_slot(slot_id=slot.pk)
    assert first is not None
    assert claim_slot(slot_id=slot.pk) is None
    assert stale_nudges() == []
    fall_silent(slot)
    assert [nudge.slot_id for nudge in stale_nudges()] == [slot.pk]
    second = claim_slot(slot_id=slot.pk)
    assert second is not None and second.attempt == 2
    assert (renew_slot(claimed=first), finish_slot(claimed=first)) == (False, False)
    assert (renew_slot(claimed=second), finish_slot(claimed=second)) == (True, True)


def test_a_slot_that_kills_its_process_is_quarantined() -> None:
    slot = due()
    for _attempt in range(MAX_ATTEMPTS):
        assert quarantine_silent_slots() == 0
        assert claim_slot(slot_id=slot.pk) is not None
        fall_silent(slot)
    assert claim_slot(slot_id=slot.pk) is None
    assert quarantine_silent_slots() == 1
    slot.refresh_from_db()
    assert (slot.state, slot.reason) == (SlotState.FAILED, SlotReason.LOST)


def test_a_task_that_no_worker_knows_fails_at_once() -> None:
    slot = due(task="tests.nowhere")
    run_slot(slot_id=slot.pk)
    slot.refresh_from_db()
    assert (slot.state, slot.reason, slot.detail) == (SlotState.FAILED, SlotReason.UNKNOWN_TASK, "tests.nowhere")


def test_a_slot_that_no_worker_takes_is_told_again_less_and_less_often() -> None:
    slot = due()
    for nudges, seconds in ((1, 60), (2, 120), (4, 480), (9, 600)):
        Slot.objects.filter(pk=slot.pk).update(nudges=nudges, nudged_at=Now() - timedelta(seconds=seconds - 5))
        assert stale_nudges() == []
        Slot.objects.filter(pk=slot.pk).update(nudged_at=Now() - timedelta(seconds=seconds + 5))
        assert [nudge.slot_id for nudge in stale_nudges()] == [slot.pk]


def test_only_old_slots_that_ran_are_pruned() -> None:
    for state in SlotState:
        Slot.objects.create(key=f"old.{state}", slot=at("2026-01-01T00:00Z"), task="x", queue="x", state=state)
    Slot.objects.create(key="new", slot=Slot.objects.annotate(now=Now())[0].now, task="x", queue="x", state="done")
    assert prune_slots(limit=10) == 1
    assert not Slot.objects.filter(key="old.done").exists()
    assert Slot.objects.count() == len(SlotState)
