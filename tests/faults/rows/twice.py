"""Every task of the other queues delivered twice: an audience, an import, webhooks, a scheduled slot, and all ticks that lie there."""

import json
import time
from collections import Counter
from datetime import timedelta
from typing import Any

from django.db import connection

from automations.models import Slot
from automations.states import SlotState
from campaigns.outreach.demo.platform import WORKER_QUEUES
from campaigns.outreach.models import Execution
from campaigns.outreach.operations.campaigns import CampaignOrder, create_campaign
from campaigns.outreach.operations.executions import start_campaign
from integrations.models import InboundEvent
from messaging.models import Contact, ContactImport
from messaging.operations.imports import create_import, store_upload
from messaging.states import ChannelKind, ImportState
from tests.faults.ground import Ground
from tests.faults.rows.clock import forget_schedules, make_slots
from tests.faults.table import Broken, fault
from tests.faults.trial import ACTOR, Trial
from tests.faults.waiting import wait_for

PEOPLE, IMPORTED, SLOTS = 400, 3_000, 5
TASKS = (
    "outreach.prepare_execution",
    "messaging.import_contacts",
    "integrations.dispatch_inbound",
    "automations.run_slot",
)


@fault(
    "duplicate_work",
    injects="every other task delivered twice: writing an audience, an import, acting on webhooks, a scheduled slot, and all ticks",
    holds="effects once: each person targeted once, each contact made once, each webhook applied once, each slot run once",
    seconds=60,
)
def duplicate_work(ground: Ground) -> float:
    """The messages wait in their queues while nobody reads them; there each is doubled. Two processes then take them side by side."""
    control = ground.platform.sandbox.control
    trial, other = ground.trial(PEOPLE, start=False), ground.trial(0, start=False)
    control.hold_webhooks()
    trial.start()
    wait_for("the first job is final", 90, ground.alive(trial.finished))
    ground.end("worker")
    control.release_webhooks()
    execution = start_audience(trial)
    record = start_import(other)
    mark = make_slots(SLOTS, timedelta(seconds=0.5))
    slots = Slot.objects.filter(key__startswith=mark)
    wait_for("webhooks delivered", 90, lambda: control.webhook_state().at_rest)
    wait_for("slots published", 60, lambda: slots.filter(nudged_at__isnull=False).count() == SLOTS)
    if not InboundEvent.objects.filter(state=0, connection_id=trial.senders[0].connection_id).exists():
        raise Broken("no webhook waits: nothing was proven")
    doubled = double_messages(ground)
    lacking = [task for task in TASKS if not doubled[task]]
    if lacking:
        raise Broken(f"not doubled: {', '.join(lacking)}")
    began = time.monotonic()
    ground.start_worker()
    imports = ContactImport.objects.filter(pk=record.pk)
    wait_for("the import is done", 90, ground.alive(lambda: imports.filter(state=ImportState.DONE).exists()))
    wait_for("the slots ran", 90, ground.alive(lambda: slots.filter(state=SlotState.DONE).count() == SLOTS))
    wait_for("webhooks applied", 90, ground.alive(lambda: not InboundEvent.objects.filter(state=0).exists()))
    wait_for("the audience is written", 90, ground.alive(lambda: audience_written(execution.pk)))
    took = time.monotonic() - began
    with ground.redis() as client:
        wait_for("the doubles were read", 60, lambda: not any(client.llen(queue) > 50 for queue in WORKER_QUEUES))
    ground.settle(trial)
    forget_schedules(mark)
    problems = [
        *differences(trial, execution.pk, record.pk, other),
        *run_problems(list(slots.values_list("attempt", flat=True))),
    ]
    if problems:
        raise Broken("; ".join(problems))
    ground.account += f"; {sum(doubled.values())} messages doubled"
    return took


def start_audience(trial: Trial) -> Execution:
    """A campaign to all the trial's people, started; its job is counted with the trial's."""
    template = trial.version.template
    template.current = trial.version
    template.save(update_fields=["current"])
    order = CampaignOrder(
        client=trial.client,
        name="Duas vezes",
        channel=ChannelKind.WHATSAPP,
        template=template,
        senders=trial.senders,
        max_per_day=None,
    )
    execution = start_campaign(campaign_id=create_campaign(order=order, actor=ACTOR).pk, actor=ACTOR)
    trial.job_ids.append(execution.job_id)
    return execution


def start_import(trial: Trial) -> ContactImport:
    """A file of people, handed in for the trial's client."""
    lines = ["nome,telefone", *(f"Pessoa {n},+55119{90_000_000 + n}" for n in range(IMPORTED))]
    path = store_upload(["\n".join(lines).encode()])
    return create_import(
        client=trial.client, path=path, file_name="pessoas.csv", mapping={}, dry_run=False, actor=ACTOR
    )


def double_messages(ground: Ground) -> Counter[str]:
    """Put every message of the worker's queues there a second time, neither of the two expiring. Returns how many of each task."""
    doubled: Counter[str] = Counter()
    with ground.redis() as client:
        for queue in WORKER_QUEUES:
            found: Any = client.lrange(queue, 0, -1)
            client.delete(queue)
            for raw in reversed(found):
                message = json.loads(raw)
                message["headers"]["expires"] = None
                doubled[message["headers"]["task"]] += 1
                client.lpush(queue, json.dumps(message), json.dumps(message))
    return doubled


def audience_written(execution_id: int) -> bool:
    """Whether the whole audience is in the job."""
    return Execution.objects.filter(pk=execution_id, job__audience_complete=True).exists()


def differences(trial: Trial, execution_id: int, import_id: int, imported: Trial) -> list[str]:
    """What was done more or less often than once."""
    problems = []
    targeted = Execution.objects.values_list("targeted", flat=True).get(pk=execution_id)
    if targeted != PEOPLE:
        problems.append(f"{targeted} targeted of {PEOPLE}")
    created, updated = ContactImport.objects.values_list("created", "updated").get(pk=import_id)
    contacts = Contact.objects.filter(client=imported.client).count()
    if (created, updated, contacts) != (IMPORTED, 0, IMPORTED):
        problems.append(f"import of {IMPORTED}: {created} created, {updated} updated, {contacts} contacts")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(DISTINCT (connection_id, provider_event_id)) FROM messaging_deliveryevent WHERE job_id = ANY(%s)",
            [trial.job_ids],
        )
        events, distinct = cursor.fetchone()
    if events != distinct or not events:
        problems.append(f"{events} delivery events of {distinct} provider ids")
    return problems


def run_problems(attempts: list[int]) -> list[str]:
    """Each slot was run once."""
    return [] if attempts == [1] * SLOTS else [f"{SLOTS} slots, attempts {attempts}"]
