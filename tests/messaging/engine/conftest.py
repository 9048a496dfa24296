"""A client with people, WhatsApp senders at the sandbox and a template: everything a send job needs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connection

from agency.kit.actor import Actor
from agency.models import Client
from integrations.models import Connection
from integrations.operations.connections import create_connection
from integrations.sandbox.runner import RunningSandbox
from messaging.kit import fleet
from messaging.ledger import LedgerReport, compare_ledger
from messaging.limits import limiter
from messaging.models import Contact, Recipient, Sender, SendJob, Template, TemplateVersion, Wave
from messaging.operations.jobs import JobOrder, add_recipients, complete_audience, open_job
from messaging.runners.batches import send_batch
from messaging.states import ChannelKind, MessageKind, RecipientState, TemplateState

ACTOR = Actor.system("tests")
NUMBERS = ("100000000000001", "100000000000002", "100000000000003")


@pytest.fixture(autouse=True)
def empty_limiter() -> Iterator[None]:
    """A limiter that has granted nothing yet, and no memory of the fleet."""
    client = redis.Redis.from_url(settings.LIMITER_URL)
    client.flushdb()
    limiter.rebuild([], [])
    yield
    client.flushdb()
    client.close()
    fleet.forget_connections()
    limiter.forget_connections()


@dataclass
class World:
    """One client at the sandbox."""

    client: Client
    connection: Connection
    senders: list[Sender]
    version: TemplateVersion
    sandbox: RunningSandbox

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

    def job(self, people: Sequence[Contact], **changes: Any) -> SendJob:
        """A running job to these people."""
        order: dict[str, Any] = {
            "client": self.client,
            "kind": MessageKind.CAMPAIGN,
            "channel": ChannelKind.WHATSAPP,
            "sender_ids": [sender.pk for sender in self.senders],
            "template_version": self.version,
        }
        job = open_job(order=JobOrder(**order | changes), actor=ACTOR)
        add_recipients(
            job=job, contacts=Contact.objects.filter(pk__in=[person.pk for person in people]), up_to_id=2**62
        )
        complete_audience(job_id=job.pk)
        job.refresh_from_db()
        return job

    def send(self, job: SendJob, count: int = 10_000) -> int:
        """Open a wave by hand and send it in this process. Returns the rows handled."""
        job.refresh_from_db()
        wave = Wave.objects.create(job=job, number=Wave.objects.filter(job=job).count() + 1, size=count, batches=1)
        return send_batch(wave_id=wave.pk, count=count)

    def compare(self, *jobs: SendJob) -> LedgerReport:
        """Our ledger against the sandbox's log."""
        return compare_ledger([job.pk for job in jobs], self.sandbox.control.acceptances())


def states(job: SendJob) -> dict[str, int]:
    """How many recipients are in each state, by name, counted from the rows."""
    found: dict[str, int] = {}
    for state in Recipient.objects.filter(job=job).values_list("state", flat=True):
        name = RecipientState(state).name.lower()
        found[name] = found.get(name, 0) + 1
    return found


def expire_leases() -> None:
    """As if thirty seconds had passed for every lease."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE messaging_recipient SET leased_until = now() - interval '1 second' WHERE state = 1")


@pytest.fixture
def world(db: None, sandbox: RunningSandbox) -> World:
    """The client, with three WhatsApp numbers without limits of their own."""
    client = Client.objects.create(name="Padaria Aurora", slug="padaria-aurora")
    account = create_connection(
        actor=ACTOR,
        service="whatsapp_cloud",
        name="WhatsApp",
        client=client,
        settings={"base_url": sandbox.base_url("whatsapp_cloud"), "business_account_id": "200000000000001"},
        secrets={"access_token": "sandbox-token", "app_secret": "sandbox-app-secret", "verify_token": "verify"},
    )
    senders = [
        Sender.objects.create(
            client=client,
            connection=account,
            channel=ChannelKind.WHATSAPP,
            name=number[-1],
            address=number,
            pair_seconds=0,
        )
        for number in NUMBERS
    ]
    template = Template.objects.create(
        client=client, name="novidade", channel=ChannelKind.WHATSAPP, state=TemplateState.APPROVED
    )
    version = TemplateVersion.objects.create(
        template=template,
        number=1,
        body="Olá {{ contact.first_name }}: {{ contact.attributes.offer }}",
        provider_name="novidade",
        parameters=["{{ contact.first_name }}", "{{ contact.attributes.offer }}"],
        variables=[{"name": "contact.attributes.offer", "fallback": "pão quentinho"}],
    )
    template.current = version
    template.save()
    return World(client, account, senders, version, sandbox)
