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

from django.utils import timezone

from benchmarks.webhook_load import signed_requests
from integrations.connections import seal_secrets
from integrations.events import ReceivedFact
from integrations.models import Connection, InboundEvent
from integrations.runners.dispatching import dispatch_inbound

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


def measure_dispatch(payloads: int, events: int) -> float:
    """Events a second through claim, read and settle, receivers excluded."""
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


def store_payloads(connection: Connection, payloads: int, events: int) -> None:
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
        for place, request in enumerate(signed_requests("/", SECRET, payloads, events, run))
    ]
    InboundEvent.objects.bulk_create(rows, batch_size=STORED_AT_ONCE)
