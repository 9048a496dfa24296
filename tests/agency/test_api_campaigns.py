"""A campaign through the API: made, foreseen, started once, paused, cancelled; its people and numbers."""

from typing import Any

import pytest
from django.core.cache import cache

from agency.models import AuditEntry
from agency.states import Role
from campaigns.outreach.models import Campaign, Execution
from messaging.models import Contact, Recipient, SendJob
from messaging.states import JobState, RecipientState
from tests.agency.test_api import Program, assert_problem
from tests.worlds import World, make_person, make_token, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    cache.clear()
    made = make_world()
    made.template.state = "approved"
    made.template.save()
    return made


def program(world: World, role: Role = Role.ACCOUNT_MANAGER) -> Program:
    return Program(make_token(make_person(f"p-{role}", role, world.client))[1])


def order(world: World, **changes: Any) -> dict[str, Any]:
    return {
        "client": world.client.slug,
        "name": "Spring",
        "channel": "whatsapp",
        "template": world.template.pk,
        "senders": [world.sender.pk],
    } | changes


def test_from_draft_to_cancelled(world: World) -> None:
    caller = program(world)
    made = caller.send("POST", "/campaigns", order(world), key="c1")
    assert (made.status_code, made.json()["state"], made.json()["max_per_day"]) == (201, "draft", 50)
    pk = made.json()["id"]
    changed = caller.send("PATCH", f"/campaigns/{pk}", {"name": "Summer", "max_per_day": None})
    assert (changed.json()["name"], changed.json()["max_per_day"]) == ("Summer", None)
    foreseen = caller.get(f"/campaigns/{pk}/forecast").json()
    assert (foreseen["people"], foreseen["people_exact"], foreseen["problems"]) == (1, True, [])

    started = caller.send("POST", f"/campaigns/{pk}/start", {}, key="s1")
    assert started.status_code == 202
    assert caller.send("POST", f"/campaigns/{pk}/start", {}, key="s1").content == started.content
    assert_problem(caller.send("POST", f"/campaigns/{pk}/start", {}, key="s2"), 409, "wrong_state")
    assert Execution.objects.filter(campaign=pk).count() == 1
    assert caller.send("POST", f"/campaigns/{pk}/pause", {"why": "typo"}, key="p1").json()["state"] == "paused"
    assert AuditEntry.objects.get(action="pause_campaign").why == "typo"
    assert caller.send("POST", f"/campaigns/{pk}/resume", {}, key="r1").status_code == 200
    assert caller.send("POST", f"/campaigns/{pk}/cancel", {"why": "enough"}, key="x1").json()["state"] == "cancelled"
    assert SendJob.objects.get(pk=Execution.objects.get(campaign=pk).job_id).state == JobState.CANCELLED


def test_schedule_and_limits(world: World) -> None:
    caller = program(world)
    pk = caller.send("POST", "/campaigns", order(world), key="c1").json()["id"]
    path = f"/campaigns/{pk}"
    past = caller.send("POST", f"{path}/schedule", {"starts_at": "2020-01-01T10:00:00Z"}, key="a")
    assert_problem(past, 422, "in_the_past")
    assert caller.send("POST", f"{path}/schedule", {"starts_at": "2030-01-01T10:00:00"}, key="b").status_code == 422
    daily = {"starts_at": "2030-01-01T10:00:00-03:00", "recurrence": "daily", "ends_at": "2030-02-01T00:00:00Z"}
    planned = caller.send("POST", f"{path}/schedule", daily, key="d")
    assert (planned.json()["state"], planned.json()["next_run_at"]) == ("scheduled", "2030-01-01T13:00:00Z")
    slow = caller.send("PUT", f"{path}/limits", {"rate_per_hour": 60, "max_per_day": None, "priority": 8})
    assert (slow.json()["rate_per_hour"], slow.json()["max_per_day"], slow.json()["priority"]) == (60, None, 8)
    back = caller.send("POST", f"{path}/unschedule", {"why": "not yet"}, key="e")
    assert (back.json()["state"], back.json()["next_run_at"]) == ("draft", None)
    assert AuditEntry.objects.get(action="unschedule_campaign").why == "not yet"
    reader = program(world, Role.ANALYST)
    assert_problem(reader.send("PUT", f"{path}/limits", {}), 403, "permission_missing")
    assert_problem(reader.send("POST", f"{path}/schedule", daily, key="f"), 403, "permission_missing")


def test_records_of_others_cannot_be_named(world: World) -> None:
    other = make_world("outro", "Outro")
    caller = program(world)
    for field in ("template", "senders"):
        value = getattr(other, field.removesuffix("s")).pk
        answer = caller.send(
            "POST", "/campaigns", order(world, **{field: [value] if field == "senders" else value}), key="k"
        )
        assert_problem(answer, 422, f"unknown_{field}")
    assert_problem(caller.send("POST", "/campaigns", order(other), key="k"), 422, "unknown_template")
    assert_problem(caller.send("POST", f"/campaigns/{other.campaign.pk}/start", {}, key="k"), 404, "not_found")
    assert Campaign.objects.count() == 2


def test_who_may_read_may_not_run_and_sees_no_person(world: World) -> None:
    caller = program(world, Role.ANALYST)
    assert_problem(caller.send("POST", f"/campaigns/{world.campaign.pk}/start", {}, key="k"), 403, "permission_missing")
    (row,) = caller.get(f"/executions/{world.execution.pk}/recipients").json()["items"]
    assert (row["name"], row["state"]) == ("Z. S.", "sent")
    assert "•••" in row["address"]
    assert caller.get(f"/campaigns/{world.campaign.pk}/forecast").json()["cost"] is None


def test_recipients_are_paged_in_the_order_of_their_index(world: World) -> None:
    people = Contact.objects.bulk_create(
        [Contact(client=world.client, email=f"p{number}@example.com") for number in range(3)]
    )
    Recipient.objects.bulk_create(
        [
            Recipient(job=world.execution.job, contact=person, step=step, state=RecipientState.PENDING)
            for step in (1, 0)
            for person in people
        ]
    )
    caller = program(world)
    seen, cursor = [], ""
    for _page in range(3):
        body = caller.get(f"/executions/{world.execution.pk}/recipients?limit=3&cursor={cursor}").json()
        seen += [(row["contact"], row["step"]) for row in body["items"]]
        cursor = body["next_cursor"]
    expected = [(person.pk, step) for person in reversed(people) for step in (1, 0)]
    assert seen == [*expected, (world.contact.pk, 0)]
    assert cursor == ""
    only = caller.get(f"/executions/{world.execution.pk}/recipients?state=sent").json()["items"]
    assert [row["contact"] for row in only] == [world.contact.pk]
