"""The records in the pictures: an agency in the middle of its day."""

import dataclasses
import datetime as dt
import time
from dataclasses import dataclass
from pathlib import Path

from django.utils import timezone

from agency.kit.actor import Actor
from agency.operations.accounts import renew_local_login
from campaigns.outreach.demo.platform import Platform
from campaigns.outreach.demo.records import Stage, lasting_stage
from campaigns.outreach.models import Campaign, Execution, Segment
from campaigns.outreach.operations.campaigns import create_campaign, order_of, schedule_campaign
from campaigns.outreach.operations.executions import start_campaign
from campaigns.outreach.operations.segments import create_segment
from campaigns.outreach.states import Recurrence
from integrations.models import Connection, InboundEvent
from integrations.operations.connections import create_connection
from messaging.models import ContactImport, Sender, Suppression
from messaging.states import ImportState, JobState

ACTOR = Actor.system("screenshots")
PASSWORD = "only-for-pictures-" + "7" * 12
LOGIN = "marina"
HEALTH = {
    "all": [
        {"field": "attributes.especialidade", "op": "one_of", "value": ["Cardiologia", "Dermatologia"]},
        {"field": "replies", "op": "at_most", "value": 3},
    ]
}
LEADS = """Nome;Celular;E-mail;Cidade;Aceita WhatsApp
Beatriz Nogueira;(11) 98765-4321;bia.nogueira@email.example;São Paulo;sim
Otávio Prado;21 99876 1234;otavio@email.example;Niterói;sim
Lívia Sampaio;3199123-4567;livia.sampaio@email.example;Belo Horizonte;não
Caio Fontes;98;caio@email.example;Recife;sim
Helena Dias;(85) 98888-7777;;Fortaleza;sim
Tomás Rocha;51 99777-6655;tomas@email.example;Porto Alegre;sim
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the pictures point at."""

    client_id: int
    segment: Segment
    campaign: Campaign
    finished: Execution
    sender: Sender
    template_id: int
    leads: Path


def make_stage(platform: Platform, people: int, folder: Path) -> Shown:
    """A client with people, a run of last week, one that has just ended, a draft, and some trouble."""
    renew_local_login(actor=ACTOR, username=LOGIN, email="marina@agencia.example", password=PASSWORD)
    stage = lasting_stage(platform, people)
    draft = Campaign.objects.get(client=stage.client)
    segment = create_segment(client=stage.client, name="Saúde, poucas respostas", conditions=HEALTH, actor=ACTOR)
    last_week = _run(_campaign(draft, "Boas-vindas de novembro", segment))
    Execution.objects.filter(pk=last_week.pk).update(started_at=timezone.now() - dt.timedelta(days=8))
    finished = _run(_campaign(draft, "Pão da semana"))
    _quiet(platform)
    _plan(stage, draft)
    _trouble(stage)
    Sender.objects.filter(pk__in=[sender.pk for sender in stage.senders]).update(per_second=20)
    leads = folder / "leads-do-evento.csv"
    leads.write_text(LEADS, encoding="utf-8")
    return Shown(stage.client.pk, segment, draft, finished, stage.senders[0], stage.template.pk, leads)


def _campaign(like: Campaign, name: str, segment: Segment | None = None) -> Campaign:
    return create_campaign(order=dataclasses.replace(order_of(like), name=name, segment=segment), actor=ACTOR)


def _run(campaign: Campaign) -> Execution:
    """Send it to the end."""
    execution = start_campaign(campaign_id=campaign.pk, actor=ACTOR)
    deadline = time.monotonic() + 180
    while execution.job.state != JobState.FINISHED:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{campaign} was not sent in three minutes")
        time.sleep(0.5)
        execution.job.refresh_from_db(fields=["state"])
    return execution


def _quiet(platform: Platform) -> None:
    """Wait a while for statuses and replies; the last ones may come later."""
    deadline = time.monotonic() + 25
    while time.monotonic() < deadline:
        at_rest = platform.sandbox.control.webhook_state().at_rest
        if at_rest and not InboundEvent.objects.filter(state=0).exists():
            return
        time.sleep(0.5)


def _plan(stage: Stage, draft: Campaign) -> None:
    """Something that begins today, and something daily."""
    soon = timezone.now() + dt.timedelta(minutes=35)
    schedule_campaign(
        campaign_id=_campaign(draft, "Sexta do pão doce").pk,
        starts_at=soon,
        recurrence=Recurrence.ONCE,
        ends_at=None,
        actor=ACTOR,
    )


def _trouble(stage: Stage) -> None:
    """What the home page asks somebody to mend."""
    mail = create_connection(
        actor=ACTOR,
        service="resend",
        name="Boletim",
        client=stage.client,
        settings={},
        secrets={"api_key": "re_sandbox", "webhook_secret": "whsec_c2FuZGJveA=="},
    )
    checked = timezone.now() - dt.timedelta(minutes=12)
    Connection.objects.filter(pk=mail.pk).update(
        health="failed", health_text="A chave foi recusada. Crie outra no Resend e troque-a aqui.", checked_at=checked
    )
    ContactImport.objects.create(
        client=stage.client,
        file_name="lista-antiga.xlsx",
        stored_path="",
        state=ImportState.FAILED,
        error="A planilha está protegida por senha. Salve-a sem senha e importe de novo.",
        finished_at=timezone.now() - dt.timedelta(hours=2),
    )
    Suppression.objects.get_or_create(
        client=stage.client, channel=1, address="+5511999990000", defaults={"reason": "manual", "source": LOGIN}
    )
