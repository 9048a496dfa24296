"""Webhooks: how many the door accepts and how fast, and how many status events the dispatcher takes up.

The functions expect Django set up on a migrated database, and its address in the environment (DATABASE_URL, REDIS_URL).
"""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db import connection as database
from django.utils import timezone

from agency.models import Client
from benchmarks.webhook_load import signed_requests
from integrations.connections import seal_secrets
from integrations.events import ReceivedFact
from integrations.inbound import deliver
from integrations.models import Connection, InboundEvent
from integrations.runners.dispatching import dispatch_inbound
from messaging.models import Recipient, Sender, SendJob, Tally
from messaging.states import ChannelKind, JobState, MessageKind, Reason, RecipientState

SECRET = "benchmark-app-secret"
STORED_AT_ONCE = 5_000


@contextlib.contextmanager
def own_connection() -> Iterator[Connection]:
    """A WhatsApp connection that only the benchmark uses; it and what came for it are removed at the end."""
    connection = Connection.objects.create(
        service="whatsapp_cloud",
        name="benchmark",
        sealed_secrets=seal_secrets({"app_secret": SECRET, "verify_token": "v", "access_token": "t"}),
    )
    try:
        yield connection
    finally:
        InboundEvent.objects.filter(connection_id=connection.pk).delete()
        Sender.objects.filter(connection=connection).delete()
        connection.delete()


@contextlib.contextmanager
def running_door(environment: Mapping[str, str] | None = None) -> "Iterator[tuple[int, subprocess.Popen[bytes]]]":
    """The whole ASGI application in one uvicorn process, as production runs it; yields its port and the process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    arguments = ["--host", "127.0.0.1", "--port", str(port), "--loop", "uvloop", "--http", "httptools"]
    quiet = ["--lifespan", "on", "--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "10"]
    server = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "agency.asgi:application", *arguments, *quiet],
        env={**os.environ, **(environment or {})},
    )
    try:
        _wait_for(port, server)
        yield port, server
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends and server.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/webhooks/", timeout=5)
        except urllib.error.HTTPError as answer:
            answer.close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("uvicorn did not start")


def measure_acceptance(rate: float = 2_000, seconds: float = 20) -> dict[str, Any]:
    """Post payloads of one event at a fixed rate; what was answered, how fast, and how much of it is in the database."""
    with own_connection() as connection, running_door() as (port, _):
        path = f"/webhooks/{connection.service}/{connection.key}"
        _load(port, path, rate=500, seconds=2)  # warm
        before = InboundEvent.objects.filter(connection_id=connection.pk).count()
        found: dict[str, Any] = _load(port, path, rate=rate, seconds=seconds)
        found["stored"] = InboundEvent.objects.filter(connection_id=connection.pk).count() - before
        return found


def _load(port: int, path: str, *, rate: float, seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.webhook_load", "--port", str(port), "--path", path, "--secret", SECRET]
    done = subprocess.run(
        [*command, "--rate", str(rate), "--seconds", str(seconds)], stdout=subprocess.PIPE, check=True, env=os.environ
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure_webhooks() -> dict[str, Any]:
    """Everything the product promises about webhooks, for `results.json`."""
    door = measure_acceptance()
    found = {
        "webhook_requests_per_second": door["rate"],
        "webhook_p95_ms": door["p95_ms"],
        "webhook_accepted": door["accepted"],
        "webhook_stored": door["stored"],
        "status_events_per_second_in_hundreds": round(measure_status_events(payloads=600, events=100)),
        "status_events_per_second_in_ones": round(measure_status_events(payloads=20_000, events=1)),
    }
    for name, value in found.items():
        print(f"{name:<40}{value:>12,}", flush=True)
    return found


def measure_status_events(payloads: int, events: int) -> float:
    """Status events a second from the stored payload to the moved recipient: claim, read, apply, settle, in one process."""
    with own_connection() as connection:
        first = waiting_recipients(connection, payloads * events)
        store_payloads(connection, payloads, events, first)
        began = time.perf_counter()
        while dispatch_inbound(deliver):
            pass
        seconds = time.perf_counter() - began
        moved = Recipient.objects.filter(pk__gte=first, state=RecipientState.DELIVERED).count()
        if moved != payloads * events:
            raise RuntimeError(f"{moved} recipients moved of {payloads * events}")
        return moved / seconds


def waiting_recipients(connection: Connection, number: int) -> int:
    """A job whose recipients were all sent through the connection; returns the first recipient's id, the others follow it."""
    client = Client.objects.create(name="Webhooks", slug=f"webhooks-{secrets.token_hex(4)}")
    sender = Sender.objects.create(
        client=client, connection=connection, channel=ChannelKind.WHATSAPP, name="W", address=str(connection.pk)
    )
    job = SendJob.objects.create(
        client=client, kind=MessageKind.CAMPAIGN, channel=ChannelKind.WHATSAPP, state=JobState.RUNNING
    )
    Tally.objects.create(job_id=job.pk, state=RecipientState.SENT, reason=Reason.NONE, number=number)
    with database.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO messaging_recipient (job_id, contact_id, step, sender_id, state, attempt, sent_at)
            SELECT %s, -n, 0, %s, %s, 1, now() FROM generate_series(1, %s) AS n RETURNING id
            """,
            [job.pk, sender.pk, RecipientState.SENT, number],
        )
        ids = [row[0] for row in cursor.fetchall()]
        cursor.execute("ANALYZE messaging_recipient")
    if ids[-1] - ids[0] != number - 1:
        raise RuntimeError("somebody else writes recipients")
    return int(ids[0])


def measure_dispatch(payloads: int, events: int) -> float:
    """Events a second through claim, read and settle alone, without the receivers."""
    with own_connection() as connection:
        store_payloads(connection, payloads, events)
        seen = 0

        def count(facts: Sequence[ReceivedFact]) -> None:
            nonlocal seen
            seen += len(facts)

        began = time.perf_counter()
        while dispatch_inbound(count):
            pass
        seconds = time.perf_counter() - began
        if seen != payloads * events:
            raise RuntimeError(f"{seen} events came out of {payloads * events}")
        return seen / seconds


def store_payloads(connection: Connection, payloads: int, events: int, first_reference: int = 0) -> None:
    """Deliveries as the door writes them."""
    run = secrets.token_hex(4)
    today = timezone.now().date()
    rows = [
        InboundEvent(
            received_on=today,
            service=connection.service,
            connection_id=connection.pk,
            provider_event_id=f"{run}-{place}",
            content_type="application/json",
            query="",
            body=request.partition(b"\r\n\r\n")[2],
        )
        for place, request in enumerate(signed_requests("/", SECRET, payloads, events, run, first_reference))
    ]
    InboundEvent.objects.bulk_create(rows, batch_size=STORED_AT_ONCE)
