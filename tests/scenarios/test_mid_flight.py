"""A program pauses, resumes, slows down and cancels a running campaign: within five seconds the provider hears nothing more."""

import time

import pytest

from messaging.models import Contact
from messaging.states import ChannelKind
from tests.scenarios.stage import House, Program, Stage, wait_for

pytestmark = pytest.mark.scenario
PEOPLE = 4_000
PER_SECOND = 60  # each of two numbers
PROMISED = 5.0  # seconds after the acknowledgement
WATCHED = 6.5


def begun(stage: Stage, program: Program, house: House) -> int:
    """A running campaign that has sent its first hundred."""
    Contact.objects.bulk_create(
        Contact(client=house.client, name=f"Pessoa {n}", phone=f"+55219{82_000_000 + n}") for n in range(PEOPLE)
    )
    template = house.template(
        ChannelKind.WHATSAPP,
        body="Olá {{ contact.first_name }}: {{ offer }}",
        provider_name="novidade",
        parameters=["{{ contact.first_name }}", "{{ offer }}"],
    )
    campaign = program.do(
        "POST",
        "/campaigns",
        {
            "client": house.client.slug,
            "name": "Relâmpago",
            "channel": "whatsapp",
            "template": template,
            "senders": [sender.pk for sender in house.senders],
            "variables": {"offer": "só hoje"},
            "max_per_day": None,
        },
    )["id"]
    program.do("POST", f"/campaigns/{campaign}/start")
    wait_for("it is under way", 30, lambda: len(house.accepted()) > 100)
    return int(campaign)


def latest_after(house: House, acknowledged: float) -> float:
    """Watch the provider's log for a while; how many seconds after the acknowledgement its last message was accepted."""
    wait_for("the log was watched", WATCHED + 5, lambda: time.time() > acknowledged + WATCHED)
    return max(each.at for each in house.accepted()) - acknowledged


def test_pause_resume_limits_cancel(stage: Stage) -> None:
    house = stage.house("Rio")
    house.whatsapp(per_second=PER_SECOND)
    program = house.program("campaigns:write", "campaigns:read", "campaigns:run")
    campaign = begun(stage, program, house)
    path = f"/campaigns/{campaign}"

    reader = house.program("campaigns:read", "campaigns:write")
    for action in ("pause", "cancel"):
        refused = reader.send("POST", f"{path}/{action}", {})
        assert (refused.status, refused.json()["code"]) == (403, "scope_missing")
    stranger = stage.house("Outra").program()
    assert stranger.send("POST", f"{path}/pause", {}).status == 404
    assert program.state(campaign) == "running"

    program.do("POST", f"{path}/pause", {"why": "erro no texto"})
    assert latest_after(house, time.time()) <= PROMISED
    paused_at = len(house.accepted())
    assert program.report(campaign)["pending"] == PEOPLE - paused_at

    program.do("POST", f"{path}/resume")
    wait_for("it goes on", 20, lambda: len(house.accepted()) > paused_at + 100)

    program.do("PUT", f"{path}/limits", {"rate_per_hour": 3_600, "priority": 3})
    slowed = time.time()
    wait_for("the new limit was watched", WATCHED + 5, lambda: time.time() > slowed + PROMISED + 3)
    late = sum(slowed + PROMISED < each.at <= slowed + PROMISED + 3 for each in house.accepted())
    assert late <= 4, f"{late} messages in three seconds at one a second"

    program.do("POST", f"{path}/cancel", {"why": "fica para amanhã"})
    assert latest_after(house, time.time()) <= PROMISED
    wait_for("everybody has a reason", 20, lambda: program.report(campaign)["pending"] == 0)
    stage.quiet()
    report = program.report(campaign)
    accepted = len(house.accepted())
    assert report["skipped_by_reason"] == {"cancelled": PEOPLE - accepted}
    assert report["sent"] + report["failed"] == accepted
    assert program.state(campaign) == "cancelled" and house.ledger_agrees()
