"""A campaign by e-mail through an SMTP server: what arrives, who clicks "unsubscribe", and mailboxes that do not exist."""

import pytest

from messaging.models import Contact, Suppression
from messaging.states import ChannelKind
from tests.scenarios.stage import Stage, outcomes, wait_for

pytestmark = pytest.mark.scenario
PEOPLE = [f"pessoa{n}@correio.example" for n in range(60)]
LEAVING, DEAD = PEOPLE[:4], PEOPLE[4:7]


def test_mail_with_one_click_unsubscribe(stage: Stage) -> None:
    house = stage.house("Loja")
    house.mailbox()
    Contact.objects.bulk_create(
        Contact(client=house.client, name=f"Ana {n}", email=email) for n, email in enumerate(PEOPLE)
    )
    Contact.objects.create(client=house.client, name="Sem correio", phone="+5531998887766")
    program = house.program()
    template = house.template(
        ChannelKind.EMAIL,
        subject="Novidades para {{ contact.first_name }}",
        body="Olá {{ contact.name }}, chegou {{ offer }}.",
        html="<p>Olá {{ contact.name }}, chegou <b>{{ offer }}</b>.</p>",
    )
    order = {
        "client": house.client.slug,
        "name": "Carta de março",
        "channel": "email",
        "template": template,
        "senders": [house.senders[0].pk],
        "variables": {"offer": "a coleção & mais"},
        "max_per_day": None,
    }
    campaign = program.do("POST", "/campaigns", order)["id"]
    stage.sandbox.control.set_outcomes(
        dict(outcomes({"failed:5.1.1": DEAD, "replied:SAIR": LEAVING, "delivered": PEOPLE[7:]}))
    )
    program.do("POST", f"/campaigns/{campaign}/start")
    wait_for("the campaign ends", 40, lambda: program.state(campaign) == "completed")

    accepted = house.accepted()
    assert {each.to for each in accepted} == set(PEOPLE) - set(DEAD) and len(accepted) == 57
    one = next(each for each in accepted if each.to == PEOPLE[10])
    assert (one.subject, one.text.strip()) == ("Novidades para Ana", "Olá Ana 10, chegou a coleção & mais.")
    report = program.report(campaign)
    assert (report["targeted"], report["sent"], report["failed"]) == (60, 57, 3)
    assert house.ledger_agrees()

    stage.quiet()  # the four have pressed their mailbox' own button by then: the link in List-Unsubscribe, with one click
    wait_for("four have left", 20, lambda: Suppression.objects.filter(client=house.client).count() == 7)
    why = dict(Suppression.objects.filter(client=house.client).values_list("address", "reason"))
    assert why == dict.fromkeys(LEAVING, "opted_out") | dict.fromkeys(DEAD, "hard_bounce")

    again = program.do("POST", "/campaigns", order | {"name": "Carta de abril"})["id"]
    program.do("POST", f"/campaigns/{again}/start")
    wait_for("the second campaign ends", 40, lambda: program.state(again) == "completed")
    second = program.report(again)
    assert (second["sent"], second["skipped_by_reason"]) == (53, {"opted_out": 4, "suppressed": 3})
