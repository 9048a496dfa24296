"""CSV → import → segment → a scheduled campaign that Beat starts → WhatsApp → signed webhooks → replies, STOP, failures → the report."""

from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from agency.models import AuditEntry
from campaigns.outreach.models import Execution
from campaigns.outreach.operations.segments import create_segment
from messaging.models import Contact, Message, Recipient, Suppression
from messaging.states import ChannelKind, RecipientState
from tests.scenarios.stage import ACTOR, House, Program, Stage, as_csv, outcomes, wait_for

pytestmark = pytest.mark.scenario
PHONES = [f"+55119{81_000_000 + n}" for n in range(240)]
CHOSEN = PHONES[50:200]  # from Recife and vip
FATES = {
    "replied:SAIR": CHOSEN[:10],
    "replied:Quero saber mais": CHOSEN[10:25],
    "failed:131049": CHOSEN[25:37],
    "sent": CHOSEN[37:50],
    "delivered": CHOSEN[50:90],
    "read": CHOSEN[90:],
}


def people_file() -> str:
    """240 people, as a shop's spreadsheet has them; one of them twice, and two rows that are nobody's phone."""
    rows = [["Nome", "Telefone", "Cidade", "Tags"]]
    for n, phone in enumerate(PHONES):
        digits = phone.removeprefix("+55")
        city, tag = "Recife" if n < 200 else "Olinda", "vip" if n >= 50 else "novo"
        rows.append([f"Pessoa {n}", f"({digits[:2]}) {digits[2:7]}-{digits[7:]}", city, tag])
    return as_csv([*rows, rows[60], ["Engano", "12", "Recife", "vip"], ["Ninguém", "", "Recife", "vip"]])


def import_people(program: Program, house: House) -> None:
    """Upload the file and wait until it is read."""
    begun = program.upload("/contacts/imports", "clientes.csv", people_file(), client=house.client.slug)
    path = f"/contacts/imports/{begun['id']}"
    wait_for("the import is done", 30, lambda: program.do("GET", path)["state"] == "done")
    done = program.do("GET", path)
    assert (done["rows"], done["created"], done["merged"], done["rejected"]) == (243, 240, 1, 2)
    assert done["rejected_reasons"] == {"invalid_phone": 1, "no_address": 1}


def test_from_a_file_to_replies(stage: Stage) -> None:
    house = stage.house("Recife", time_zone="America/Recife")
    house.whatsapp()
    program = house.program()
    import_people(program, house)
    segment = create_segment(
        client=house.client,
        name="VIP de Recife",
        conditions={
            "all": [
                {"field": "attributes.cidade", "op": "is", "value": "Recife"},
                {"field": "tags", "op": "has", "value": "vip"},
            ]
        },
        actor=ACTOR,
    )
    order = {
        "client": house.client.slug,
        "name": "Novidades",
        "channel": "whatsapp",
        "template": house.template(
            ChannelKind.WHATSAPP,
            body="Olá {{ contact.first_name }}, novidade em {{ contact.attributes.cidade }}: {{ offer }}",
            provider_name="novidade",
            parameters=["{{ contact.first_name }}", "{{ offer }}"],
        ),
        "segment": segment.pk,
        "audience_mode": "live",
        "senders": [sender.pk for sender in house.senders],
        "variables": {"offer": "bolo de rolo"},
        "max_per_day": None,
    }
    campaign = program.do("POST", "/campaigns", order)["id"]
    assert program.do("GET", f"/campaigns/{campaign}/forecast")["people"] == 150
    stage.sandbox.control.set_outcomes(dict(outcomes(FATES)))

    starts_at = timezone.now().replace(microsecond=0) + timedelta(seconds=4)
    planned = program.do("POST", f"/campaigns/{campaign}/schedule", {"starts_at": starts_at.isoformat()})
    assert planned["state"] == "scheduled"
    wait_for("Beat starts the campaign", 25, lambda: program.state(campaign) in ("running", "completed"))
    wait_for("everybody was written to", 30, lambda: program.report(campaign)["pending"] == 0)
    stage.quiet()
    wait_for("the campaign ends", 20, lambda: program.state(campaign) == "completed")

    execution = Execution.objects.get(campaign=campaign)
    assert (execution.slot, execution.number) == (starts_at, 1)
    started = AuditEntry.objects.get(action="start_campaign", subject_id=campaign)
    assert started.actor == "system:outreach"
    assert execution.started_at >= starts_at
    the_report_equals_the_log(program, house, campaign)
    replies_are_kept(house)
    who_said_stop_is_not_written_to_again(program, house, order)


def the_report_equals_the_log(program: Program, house: House, campaign: int) -> None:
    accepted = house.accepted()
    assert Counter(each.to for each in accepted) == Counter(CHOSEN)
    assert all("bolo de rolo" in each.text for each in accepted)
    assert house.ledger_agrees()
    report = program.report(campaign)
    numbers = ("targeted", "pending", "skipped", "sent", "delivered", "read", "replied", "failed", "unknown")
    assert {name: report[name] for name in numbers} == {
        "targeted": 150,
        "pending": 0,
        "skipped": 0,
        "sent": len(accepted) - 12,
        "delivered": 125,
        "read": 85,
        "replied": 25,
        "failed": 12,
        "unknown": 0,
    }
    assert report["failed_by_code"] == {"131049": 12}
    listed = program.do("GET", f"/executions/{Execution.objects.get(campaign=campaign).pk}/recipients?state=failed")
    assert {row["address"] for row in listed["items"]} == set(FATES["failed:131049"])


def replies_are_kept(house: House) -> None:
    texts = Counter(Message.objects.filter(client=house.client).values_list("text", "opted_out"))
    assert texts == {("SAIR", True): 10, ("Quero saber mais", False): 15}
    replied = Contact.objects.filter(client=house.client, replies=1).values_list("phone", flat=True)
    assert set(replied) == set(CHOSEN[:25])
    stopped = Suppression.objects.filter(client=house.client, reason="opted_out").values_list("address", flat=True)
    assert set(stopped) == set(FATES["replied:SAIR"])


def who_said_stop_is_not_written_to_again(program: Program, house: House, order: dict[str, object]) -> None:
    """The same people again, started by hand."""
    before = len(house.accepted())
    again = program.do("POST", "/campaigns", order | {"name": "Outra vez"})["id"]
    program.do("POST", f"/campaigns/{again}/start")
    wait_for("the second campaign ends", 30, lambda: program.state(again) == "completed")
    report = program.report(again)
    assert (report["targeted"], report["skipped_by_reason"]) == (150, {"opted_out": 10})
    assert len(house.accepted()) - before == 140
    skipped = Recipient.objects.filter(
        job=Execution.objects.get(campaign=again).job_id, state=RecipientState.SKIPPED
    ).values_list("contact__phone", flat=True)
    assert set(skipped) == set(FATES["replied:SAIR"])
