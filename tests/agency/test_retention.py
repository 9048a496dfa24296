"""What is kept how long: exactly the old rows go, in pieces, with one audit entry a run."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_celery_results.models import GroupResult, TaskResult

from agency.kit.retention import PRUNE_TASK, declared_retentions
from agency.kit.schedules import declared_schedules
from agency.models import AuditEntry, IdempotencyRecord, User
from agency.runners import retention as runner
from agency.runners.retention import prune_records
from agency.selectors.retention import retention_page
from automations.models import Slot
from automations.states import SlotState
from integrations.models import InboundEvent
from integrations.states import InboundState
from messaging.models import ContactImport, DeliveryEvent, MessageReference, Wave
from messaging.states import ImportState, RecipientState, WaveState
from tests.worlds import World, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def days_ago(days: float) -> datetime:
    return timezone.now() - timedelta(days=days)


def day(days: int) -> Any:
    return (datetime.now(UTC) - timedelta(days=days)).date()


def inbound(days: int, state: InboundState) -> InboundEvent:
    return InboundEvent.objects.create(
        received_on=day(days),
        service="resend",
        connection_id=1,
        provider_event_id=f"{days}-{state}",
        content_type="",
        query="",
        body=b"{}",
        state=state,
    )


def make_inbound_events(world: World) -> None:
    InboundEvent.objects.all().delete()
    for state in InboundState:
        for days in (60, 61, 181):
            inbound(days, state)


def make_delivery_events(world: World) -> None:
    for days in (364, 365, 366, 400):
        DeliveryEvent.objects.create(
            received_on=day(days),
            connection_id=1,
            provider_event_id=f"{days}",
            provider_message_id="m",
            state=RecipientState.SENT,
            occurred_at=timezone.now(),
        )


def make_references(world: World) -> None:
    for days in (200, 91, 90, 0):
        MessageReference.objects.create(
            sent_on=day(days), connection_id=1, provider_message_id=f"{days}", recipient_id=1
        )


def make_waves(world: World) -> None:
    for number, (state, days) in enumerate(((2, 8), (2, 7.1), (2, 6.9), (1, 30))):
        closed = days_ago(days) if state == WaveState.CLOSED else None
        Wave.objects.create(
            job_id=world.execution.job_id,
            number=number,
            state=state,
            size=1,
            batches=1,
            opened_at=days_ago(days),
            closed_at=closed,
        )


def make_answers(world: World) -> None:
    for days in (6.9, 7.1, 30):
        made = IdempotencyRecord.objects.create(user_id=1, key=f"{days}", digest="x")
        IdempotencyRecord.objects.filter(pk=made.pk).update(created_at=days_ago(days))


def make_task_results(world: World) -> None:
    for days in (29.9, 30.1, 31):
        TaskResult.objects.create(task_id=f"{days}")
        TaskResult.objects.filter(task_id=f"{days}").update(date_done=days_ago(days))
        GroupResult.objects.create(group_id=f"{days}", date_created=days_ago(days), date_done=days_ago(days))
        GroupResult.objects.filter(group_id=f"{days}").update(date_done=days_ago(days))


def make_sessions(world: World) -> None:
    """Two ended long ago, one yesterday at the very end of its day, one alive; the list entries of an ended and of the living one."""
    user = User.objects.create_user("ana", "ana@example.com")
    for key, expired in (("old", 3), ("older", 9), ("fresh", 0.9), ("alive", -1)):
        Session.objects.create(session_key=key, session_data="", expire_date=days_ago(expired))
    for key, seen in (("old", 4), ("alive", 4)):
        UserSession.objects.create(user=user, session_key=key, ip="10.0.0.1", user_agent="x")
        UserSession.objects.filter(session_key=key).update(last_seen_at=days_ago(seen))


def make_slots(world: World) -> None:
    for state in SlotState:
        for days in (89, 91):
            Slot.objects.create(key=f"{state}.{days}", slot=days_ago(days), task="x", queue="x", state=state)


@pytest.mark.parametrize(
    ("name", "make", "count", "before", "after"),
    [
        ("inbound_events", make_inbound_events, InboundEvent.objects.count, 12, 8),
        ("failed_inbound_events", make_inbound_events, InboundEvent.objects.count, 12, 11),
        ("delivery_events", make_delivery_events, DeliveryEvent.objects.count, 4, 2),
        ("message_references", make_references, MessageReference.objects.count, 4, 2),
        ("waves", make_waves, Wave.objects.count, 4, 2),
        ("answers", make_answers, IdempotencyRecord.objects.count, 3, 1),
        ("task_results", make_task_results, lambda: TaskResult.objects.count() + GroupResult.objects.count(), 6, 2),
        ("sessions", make_sessions, lambda: Session.objects.count() + UserSession.objects.count(), 6, 3),
        ("slots", make_slots, Slot.objects.count, 2 * len(SlotState), 2 * len(SlotState) - 1),
    ],
)
def test_exactly_the_old_rows_go(
    name: str, make: Callable[[World], None], count: Callable[[], int], before: int, after: int, world: World
) -> None:
    make(world)
    assert count() == before
    assert prune_records(name=name) == f"{before - after} rows deleted"
    assert count() == after
    entry = AuditEntry.objects.get(action="prune_records")
    assert (entry.actor, entry.after["deleted"]) == ("system:retention", before - after)
    # A second run finds nothing, and leaves no entry.
    assert prune_records(name=name) == "0 rows deleted"
    assert (count(), AuditEntry.objects.filter(action="prune_records").count()) == (after, 1)


def test_what_waits_to_be_acted_upon_is_never_deleted(world: World) -> None:
    make_inbound_events(world)
    prune_records(name="inbound_events")
    prune_records(name="failed_inbound_events")
    left = (
        InboundEvent.objects.exclude(received_on=day(60))
        .order_by("state", "received_on")
        .values_list("state", flat=True)
    )
    assert list(left) == [InboundState.RECEIVED, InboundState.RECEIVED, InboundState.FAILED]


def test_a_shorter_time_is_obeyed(world: World, settings: Any) -> None:
    settings.KEEP_DAYS = {**settings.KEEP_DAYS, "delivery_events": 364}
    make_delivery_events(world)
    assert prune_records(name="delivery_events") == "3 rows deleted"


def test_deleting_goes_in_pieces_and_on_in_the_next_message(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_delivery_events
    made(world)
    pieces: list[int] = []
    sent: list[tuple[str, ...]] = []
    (declared,) = [each for each in declared_retentions() if each.name == "delivery_events"]

    def piece(*, limit: int) -> int:
        pieces.append(limit)
        return limit if len(pieces) < 4 else 3

    ticks = iter(range(1_000))
    monkeypatch.setattr(runner, "import_string", lambda name: piece if name == declared.piece else None)
    monkeypatch.setattr(runner, "enqueue", lambda *message: sent.append(message))
    monkeypatch.setattr(runner, "monotonic", lambda: float(next(ticks)))
    assert prune_records(name="delivery_events", seconds=3) == "20000 rows deleted, more are left"
    assert (pieces, sent) == ([10_000, 10_000], [(PRUNE_TASK, "delivery_events")])
    assert prune_records(name="delivery_events", seconds=60) == "10003 rows deleted"
    assert len(sent) == 1


def test_files_of_old_imports_go_and_the_imports_stay(world: World, settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    folder = tmp_path / "media" / "imports"
    folder.mkdir(parents=True)
    theirs = tmp_path / "theirs.csv"

    def make(name: str, path: Path, days: float, state: ImportState = ImportState.DONE) -> ContactImport:
        rejected = path.with_name(f"{path.name}.rejected.csv")
        path.write_text("phone\n")
        rejected.write_text("row\n")
        return ContactImport.objects.create(
            client=world.client,
            file_name=name,
            stored_path=str(path),
            rejected_path=str(rejected),
            state=state,
            finished_at=days_ago(days) if state == ImportState.DONE else None,
        )

    old = make("old", folder / "a.upload", 31)
    new = make("new", folder / "b.upload", 29)
    command = make("command", theirs, 90)
    running = make("running", folder / "c.upload", 0, ImportState.RUNNING)
    for name, days in (("lost.upload", 31), ("fresh.upload", 1), ("c.upload", 31)):
        path = folder / name
        path.touch()
        moment = days_ago(days).timestamp()
        os.utime(path, (moment, moment))

    assert prune_records(name="import_files") == "3 rows deleted"
    assert sorted(path.name for path in folder.iterdir()) == [
        "b.upload",
        "b.upload.rejected.csv",
        "c.upload",
        "c.upload.rejected.csv",
        "fresh.upload",
    ]
    assert theirs.is_file()
    for record in (old, new, command, running):
        record.refresh_from_db()
    assert (old.stored_path, old.rejected_path) == ("", "")
    assert all(record.stored_path and record.rejected_path for record in (new, command, running))


def test_every_declaration_has_its_days_its_schedule_and_its_line(settings: Any) -> None:
    names = {each.name for each in declared_retentions()}
    assert names == set(settings.KEEP_DAYS)
    schedules = {schedule.key: schedule for schedule in declared_schedules()}
    for each in declared_retentions():
        package = each.model.partition(".")[0]
        assert schedules[f"{package}.prune_{each.name}"].rule == each.rule
        assert f"| `{each.name}` |" in retention_page()


def test_the_page_is_fresh_and_the_command_deletes(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("retention", check=True)
    make_slots(world)
    call_command("retention", run="slots")
    assert capsys.readouterr().out == "slots: 1 rows deleted\n"
    with pytest.raises(CommandError):
        call_command("retention", "--run", "nothing")
