"""A client with people, a sender and a template: everything a campaign needs, and no network."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pytest

from agency.kit.actor import Actor
from agency.models import AuditEntry, Client
from campaigns.outreach.models import Campaign, Execution
from campaigns.outreach.operations.campaigns import CampaignOrder, create_campaign
from integrations.models import Connection
from integrations.operations.connections import create_connection
from messaging.models import Contact, Recipient, Sender, Template, TemplateVersion
from messaging.states import ChannelKind, Reason, RecipientState, TemplateState

ACTOR = Actor.system("tests")
NOW = dt.datetime(2026, 3, 10, 15, 0, tzinfo=dt.UTC)


@dataclass
class Agency:
    """One client that may send."""

    client: Client
    connection: Connection
    sender: Sender
    template: Template

    def people(self, number: int, **fields: Any) -> list[Contact]:
        """New contacts with valid phones."""
        first = Contact.objects.count()
        return Contact.objects.bulk_create(
            Contact(
                **{"client": self.client, "name": f"Pessoa {first + n}", "phone": f"+55119{10_000_000 + first + n}"}
                | fields
            )
            for n in range(number)
        )

    def order(self, **changes: Any) -> CampaignOrder:
        """An order for a campaign to everybody."""
        plain: dict[str, Any] = {
            "client": self.client,
            "name": "Novidades de março",
            "channel": ChannelKind.WHATSAPP,
            "template": self.template,
            "senders": (self.sender,),
            "max_per_day": None,
        }
        return CampaignOrder(**plain | changes)

    def campaign(self, **changes: Any) -> Campaign:
        """A draft."""
        return create_campaign(order=self.order(**changes), actor=ACTOR)


def recipients(execution: Execution) -> list[tuple[str | None, RecipientState, Reason]]:
    """Phone, state and reason of everybody in an execution, in order of contacts."""
    rows = Recipient.objects.filter(job=execution.job_id).order_by("contact_id")
    return [
        (phone, RecipientState(state), Reason(reason))
        for phone, state, reason in rows.values_list("contact__phone", "state", "reason")
    ]


def audit(record: Any) -> list[str]:
    """The actions the audit log tells of a record, oldest first."""
    entries = AuditEntry.objects.filter(subject_type=record._meta.label, subject_id=record.pk)
    return list(entries.order_by("id").values_list("action", flat=True))


@pytest.fixture
def agency(db: None) -> Agency:
    """The client, on São Paulo's clock, with one active WhatsApp number and an approved template."""
    client = Client.objects.create(name="Clínica Sol", slug="clinica-sol", time_zone="America/Sao_Paulo")
    connection = create_connection(
        actor=ACTOR,
        service="whatsapp_cloud",
        name="WhatsApp",
        client=client,
        settings={"base_url": "http://127.0.0.1:9", "business_account_id": "200000000000001"},
        secrets={"access_token": "token", "app_secret": "secret", "verify_token": "verify"},
    )
    sender = Sender.objects.create(
        client=client, connection=connection, channel=ChannelKind.WHATSAPP, name="Recepção", address="100000000000001"
    )
    template = Template.objects.create(
        client=client, name="novidade", channel=ChannelKind.WHATSAPP, state=TemplateState.APPROVED
    )
    template.current = TemplateVersion.objects.create(
        template=template,
        number=1,
        body="Olá {{ contact.first_name }}, {{ offer.name }} em {{ contact.attributes.city }}",
        provider_name="novidade",
        variables=[
            {"name": "offer.name", "fallback": "novidades"},
            {"name": "contact.attributes.city", "fallback": "sua cidade"},
        ],
    )
    template.save()
    return Agency(client, connection, sender, template)
