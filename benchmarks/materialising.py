"""A campaign to a million people: how long its recipients take to be written, and in how much memory."""

import time
from typing import Any

from django.db import connection

from agency.processes import process_group, worker_command
from benchmarks.memory import watched
from benchmarks.sides.engine import ACTOR, make_people, make_senders, make_template
from benchmarks.sides.running import LOGS
from campaigns.outreach.operations.campaigns import CampaignOrder, create_campaign
from campaigns.outreach.operations.executions import cancel_campaign, start_campaign
from messaging.models import Recipient, SendJob
from messaging.states import ChannelKind, RecipientState

PEOPLE = 1_000_000
GIVE_UP_SECONDS = 300


def measure_materialising(provider: str, redis_url: str, rounds: int) -> dict[str, Any]:
    """Start a campaign as a person would; a worker process writes its audience. Nothing is sent: no sender process runs."""
    client = make_people(PEOPLE, slug="million")
    senders = make_senders(client, provider)
    template = make_template(client)
    found: list[tuple[float, float, float]] = []
    with process_group(LOGS / "materialising", fresh_logs=False) as group:
        worker = group.start("worker", worker_command("writer", ("critical", "bulk", "maintenance"), 1))
        time.sleep(8)  # a cold start is not what is measured
        for number in range(rounds):
            order = CampaignOrder(
                client=client,
                name=f"Million {number}",
                channel=ChannelKind.WHATSAPP,
                template=template,
                senders=senders,
                max_per_day=None,
            )
            campaign = create_campaign(order=order, actor=ACTOR)
            with watched([worker.popen.pid], redis_url) as peak:
                begun = time.monotonic()
                job_id = start_campaign(campaign_id=campaign.pk, actor=ACTOR).job_id
                _wait_until_written(job_id, begun)
                seconds = time.monotonic() - begun
            written = Recipient.objects.filter(job=job_id, state=RecipientState.PENDING).count()
            if written != PEOPLE:
                raise RuntimeError(f"{written:,} recipients were written, not {PEOPLE:,}")
            found.append((seconds, peak.process_mb, peak.valkey_mb))
            print(f"round {number + 1}  a million recipients in {seconds:.1f} s, {peak.process_mb:.0f} MB", flush=True)
            cancel_campaign(campaign_id=campaign.pk, actor=ACTOR, why="the round is over")
            _forget(job_id)
    times = sorted(seconds for seconds, _, _ in found)
    return {
        "materialise_seconds": round(times[len(times) // 2], 2),
        "materialise_rounds": [round(seconds, 2) for seconds, _, _ in found],
        "materialise_worker_mb": round(max(process for _, process, _ in found)),
        "materialise_valkey_mb": round(max(valkey for _, _, valkey in found), 1),
    }


def _wait_until_written(job_id: int, begun: float) -> None:
    while not SendJob.objects.filter(pk=job_id, audience_complete=True).exists():
        if time.monotonic() - begun > GIVE_UP_SECONDS:
            raise RuntimeError("the audience was not written; see the worker's log")
        time.sleep(0.02)


def _forget(job_id: int) -> None:
    """The next round finds the table as this one did."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM messaging_recipient WHERE job_id = %s", [job_id])
        cursor.execute("VACUUM messaging_recipient")
