"""The product's engine: a send job over the usual processes, with every check and the ledger."""

import contextlib
import datetime as dt
import secrets
import time
from collections.abc import Iterator

from django.db import connection

from agency.kit.actor import Actor
from agency.models import Client
from agency.processes import beat_command, process_group, worker_command
from benchmarks.sides.running import LOGS, RunningSide
from integrations.operations.connections import create_connection
from messaging.models import Contact, Sender, SendJob, Template, TemplateVersion
from messaging.operations.jobs import JobOrder, add_recipients, cancel_job, complete_audience, open_job
from messaging.states import ChannelKind, MessageKind, TemplateState

ACTOR = Actor.system("benchmark")


def make_people(number: int, slug: str = "benchmark") -> Client:
    """A client and its contacts, by SQL."""
    client = Client.objects.create(name=slug.title(), slug=slug)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO messaging_contact (client_id, name, phone, language, time_zone, tags, attributes)
            SELECT %s, 'Pessoa ' || n, '+55119' || lpad(n::text, 8, '0'), '', '', '{}', '{}' FROM generate_series(1, %s) AS n
            """,
            [client.pk, number],
        )
        cursor.execute("ANALYZE messaging_contact")
    return client


def make_senders(client: Client, provider: str) -> list[Sender]:
    """Three numbers without limits at an account of their own."""
    account = create_connection(
        actor=ACTOR,
        service="whatsapp_cloud",
        name=f"Benchmark {secrets.token_hex(4)}",
        client=client,
        settings={"base_url": provider, "business_account_id": "1"},
        secrets={"access_token": "benchmark", "app_secret": "benchmark", "verify_token": "benchmark"},
    )
    return [
        Sender.objects.create(
            client=client, connection=account, channel=ChannelKind.WHATSAPP, name=str(n), address=str(n)
        )
        for n in range(3)
    ]


def make_template(client: Client) -> Template:
    """The message that every side sends."""
    template, _ = Template.objects.get_or_create(
        client=client,
        name="novidade",
        channel=ChannelKind.WHATSAPP,
        language="pt_BR",
        defaults={"state": TemplateState.APPROVED},
    )
    if template.current is None:
        template.current = TemplateVersion.objects.create(
            template=template,
            number=1,
            body="Olá {{ contact.first_name }}",
            provider_name="novidade",
            parameters=["{{ contact.first_name }}", "novidade"],
        )
        template.save(update_fields=["current"])
    return template


def make_job(client: Client, provider: str, people: int) -> SendJob:
    """A job to the first `people` contacts."""
    job = open_job(
        order=JobOrder(
            client=client,
            kind=MessageKind.CAMPAIGN,
            channel=ChannelKind.WHATSAPP,
            sender_ids=[sender.pk for sender in make_senders(client, provider)],
            template_version=make_template(client).current,
        ),
        actor=ACTOR,
    )
    last = Contact.objects.filter(client=client).order_by("pk").values_list("pk", flat=True)[people - 1]
    add_recipients(job=job, contacts=Contact.objects.filter(client=client), up_to_id=last)
    return job


@contextlib.contextmanager
def engine(client: Client, provider: str, people: int) -> Iterator[RunningSide]:
    """Two sender processes, one worker for everything else, one Beat."""
    job = make_job(client, provider, people)
    with process_group(LOGS / "engine", fresh_logs=False) as group:
        senders = group.start("sender", worker_command("sender", ("send",), 2))
        group.start("worker", worker_command("worker", ("critical", "beat", "webhooks", "bulk", "maintenance"), 1))
        group.start("beat", beat_command())
        time.sleep(8)  # a cold start is not what is measured
        yield RunningSide(
            lambda: complete_audience(job_id=job.pk),
            f"SELECT count(*) FROM messaging_recipient WHERE job_id = {job.pk} AND state >= 10 AND state < 80",
            people,
            (senders.popen.pid,),
        )
    cancel_job(job_id=job.pk, actor=ACTOR, why="the round is over")
    SendJob.objects.filter(pk=job.pk).update(finished_at=dt.datetime.now(dt.UTC))
