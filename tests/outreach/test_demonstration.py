"""The demonstration's records are made once, audited, and make a campaign that may start."""

import pytest

from agency.models import AuditEntry
from campaigns.outreach.demo.records import ACTOR, NUMBERS, PER_SECOND, WORDING, Stage, make_campaign
from campaigns.outreach.operations.demonstration import ensure_demo_client, ensure_demo_senders, ensure_demo_template
from integrations.models import Connection
from messaging.states import ChannelKind, MessageKind

pytestmark = pytest.mark.django_db


def stage() -> Stage:
    client, _made = ensure_demo_client(actor=ACTOR, slug="padaria-aurora", name="Padaria Aurora")
    connection, _made = Connection.objects.get_or_create(service="whatsapp_cloud", client=client)
    names = {number: f"Aurora {place}" for place, number in enumerate(NUMBERS, 1)}
    senders = ensure_demo_senders(actor=ACTOR, client=client, connection=connection, names=names, per_second=PER_SECOND)
    return Stage(client, connection, senders, ensure_demo_template(actor=ACTOR, client=client, wording=WORDING))


def test_a_second_run_makes_nothing_again() -> None:
    first, second = stage(), stage()
    assert first == second
    made = AuditEntry.objects.filter(actor="system:demo")
    assert dict(made.values_list("action", "actor")) == {
        "create_client": "system:demo",
        "create_sender": "system:demo",
        "create_template": "system:demo",
    }
    assert made.count() == 1 + len(NUMBERS) + 1


def test_the_campaign_goes_to_everybody_over_all_numbers() -> None:
    made = stage()
    campaign = make_campaign(made)
    campaign.refresh_from_db()
    assert (campaign.kind, campaign.channel, campaign.max_per_day, campaign.segment_id) == (
        MessageKind.CAMPAIGN,
        ChannelKind.WHATSAPP,
        None,
        None,
    )
    assert campaign.variables == {"offer": "pão de fermentação natural, hoje às 17 h"}
    assert [sender.address for sender in campaign.senders.order_by("address")] == list(NUMBERS)
