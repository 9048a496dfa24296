"""The demo's agency: a client, three WhatsApp numbers at the sandbox, a template, and twenty thousand people from a CSV file."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from django.db import transaction

from agency.kit.actor import Actor
from agency.models import Client
from campaigns.outreach.demo.platform import LOGS, Platform
from campaigns.outreach.models import Campaign
from campaigns.outreach.operations.campaigns import CampaignOrder, create_campaign
from campaigns.outreach.operations.demonstration import (
    Wording,
    ensure_demo_client,
    ensure_demo_senders,
    ensure_demo_template,
)
from integrations.models import Connection
from integrations.operations.connections import create_connection, update_connection
from messaging.demo.people import write_people
from messaging.models import ContactImport, Sender, SendJob, Template
from messaging.operations.imports import create_import
from messaging.operations.jobs import cancel_job
from messaging.runners.import_contacts import run_import
from messaging.states import ChannelKind, JobState

ACTOR = Actor.system("demo")
LASTING_PEOPLE = 2_000  # of the client that `make up` keeps
LAST_PURCHASES = date(2026, 11, 1)  # the day the people's purchases end, fixed so that the file is the same each time
NUMBERS = ("100000000000001", "100000000000002", "100000000000003")
PER_SECOND = 167  # a number; three of them are about 500 a second together
ACCOUNT = "200000000000001"
TOKEN, APP_SECRET, VERIFY_TOKEN = "sandbox-token", "sandbox-app-secret", "sandbox-verify"
WORDING = Wording(
    name="novidade",
    body="Olá {{ contact.first_name }}, temos uma novidade para você: {{ offer }}. Para não receber mais, responda SAIR.",
    parameters=("{{ contact.first_name }}", "{{ offer }}"),
    fallbacks={"contact.first_name": "cliente", "offer": "pão quentinho às 17 h"},
)


@dataclass(frozen=True, slots=True)
class Stage:
    """What a demo campaign needs."""

    client: Client
    connection: Connection
    senders: tuple[Sender, ...]
    template: Template


def end_earlier_demos() -> int:
    """Cancel jobs that an interrupted demo left behind: their sandbox is gone. Returns how many."""
    left = SendJob.objects.filter(
        client__slug__startswith="demo-", state__in=(JobState.PREPARING, JobState.RUNNING, JobState.PAUSED)
    )
    for job in left:
        cancel_job(job_id=job.pk, actor=ACTOR, why="an earlier demo was interrupted")
    return len(left)


@transaction.atomic
def make_stage(platform: Platform, client: Client) -> Stage:
    """The client's account, numbers and template at the sandbox, made or brought up to date."""
    settings = {"base_url": platform.sandbox.base_url("whatsapp_cloud"), "business_account_id": ACCOUNT}
    connection = Connection.objects.filter(client=client, service="whatsapp_cloud").first()
    if connection is None:
        secrets = {"access_token": TOKEN, "app_secret": APP_SECRET, "verify_token": VERIFY_TOKEN}
        connection = create_connection(
            actor=ACTOR,
            service="whatsapp_cloud",
            name="WhatsApp (sandbox)",
            client=client,
            settings=settings,
            secrets=secrets,
        )
    elif connection.settings != settings:
        connection = update_connection(actor=ACTOR, connection_id=connection.pk, settings=settings)
    names = {number: f"Aurora {place}" for place, number in enumerate(NUMBERS, 1)}
    senders = ensure_demo_senders(actor=ACTOR, client=client, connection=connection, names=names, per_second=PER_SECOND)
    template = ensure_demo_template(actor=ACTOR, client=client, wording=WORDING)
    return Stage(client, connection, senders, template)


def fresh_client(now: datetime) -> Client:
    """A client of its own for each demo, so that demos do not count each other's opt-outs."""
    name, slug = f"Padaria Aurora ({now:%d/%m %H:%M:%S})", f"demo-{now:%Y%m%d-%H%M%S}"
    return ensure_demo_client(actor=ACTOR, slug=slug, name=name)[0]


def lasting_stage(platform: Platform, people: int = LASTING_PEOPLE) -> Stage:
    """The client that `make up` keeps between runs, with people and a campaign in draft."""
    client, created = ensure_demo_client(actor=ACTOR, slug="padaria-aurora", name="Padaria Aurora")
    stage = make_stage(platform, client)
    point_sandbox_at(platform, stage)
    if created:
        import_people(client, people_file(LOGS.parent), people)
    if not Campaign.objects.filter(client=client).exists():
        make_campaign(stage)
    return stage


def import_people(client: Client, path: Path, people: int) -> ContactImport:
    """Make the CSV file, and import it as a person would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_people(path, people, LAST_PURCHASES)
    record = create_import(
        client=client, path=path, file_name=path.name, mapping={}, dry_run=False, actor=ACTOR, start=False
    )
    done = run_import(record.pk)
    if done is None:
        raise RuntimeError("the import is run by another process")
    return done


def point_sandbox_at(platform: Platform, stage: Stage) -> None:
    """Tell the sandbox's numbers where their status webhooks go."""
    url = f"{platform.url}/webhooks/{stage.connection.service}/{stage.connection.key}"
    for number in NUMBERS:
        platform.sandbox.control.open_account(
            "whatsapp_cloud",
            phone_number_id=number,
            waba_id=ACCOUNT,
            token=TOKEN,
            app_secret=APP_SECRET,
            webhook_url=url,
        )


def make_campaign(stage: Stage) -> Campaign:
    """One WhatsApp campaign to everybody, over the three numbers, without a daily maximum."""
    order = CampaignOrder(
        client=stage.client,
        name="Novidade da semana",
        channel=ChannelKind.WHATSAPP,
        template=stage.template,
        senders=stage.senders,
        variables={"offer": "pão de fermentação natural, hoje às 17 h"},
        max_per_day=None,
    )
    return create_campaign(order=order, actor=ACTOR)


def people_file(folder: Path) -> Path:
    """Where the demo's CSV file is kept between runs."""
    return folder / "pessoas.csv"
