"""A file of a million people imported by the product's own command, and the same file once more."""

import datetime as dt
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection

from agency.models import Client
from benchmarks.memory import watched
from messaging.demo.people import write_people
from messaging.models import ContactImport

ROWS = 1_000_000
UNTIL = dt.date(2026, 3, 2)  # the day the invented purchases end: the same file every time
MANAGE = Path(__file__).resolve().parents[1] / "manage.py"


@dataclass(frozen=True, slots=True)
class Imported:
    """One run of the command: from its start to its end in seconds, the highest memory of its process in MB, and what came of the rows."""

    seconds: float
    process_mb: float
    created: int
    unchanged: int


def measure_importing(redis_url: str, rounds: int, rows: int = ROWS) -> dict[str, Any]:
    """Each round into an empty table: the file, then the file again, which must change nothing. Raises RuntimeError if the counts are wrong."""
    client = Client.objects.create(name="Importing", slug="importing")
    first: list[Imported] = []
    again: list[Imported] = []
    with tempfile.TemporaryDirectory(prefix="batuta-bench-") as folder:
        path = Path(folder) / "people.csv"
        write_people(path, rows, UNTIL)
        for number in range(1, rounds + 1):
            with connection.cursor() as cursor:
                cursor.execute("TRUNCATE messaging_contact CASCADE")
            first.append(_import(path, client, redis_url))
            again.append(_import(path, client, redis_url))
            if (first[-1].created, again[-1].unchanged) != (rows, rows):
                raise RuntimeError(f"not every row was imported once: {first[-1]}, then {again[-1]}")
            print(
                f"round {number}  {rows:,} rows imported in {first[-1].seconds:.1f} s ({rows / first[-1].seconds:,.0f} rows/s),"
                f" {first[-1].process_mb:.0f} MB; again in {again[-1].seconds:.1f} s",
                flush=True,
            )
    seconds = statistics.median(each.seconds for each in first)
    return {
        "import_seconds": round(seconds, 1),
        "import_rows_per_second": round(rows / seconds),
        "import_again_seconds": round(statistics.median(each.seconds for each in again), 1),
        "import_mb": round(max(each.process_mb for each in (*first, *again))),
        "import_rounds": [round(each.seconds, 1) for each in first],
    }


def _import(path: Path, client: Client, redis_url: str) -> Imported:
    command = [sys.executable, str(MANAGE), "import_contacts", str(path), "--client", client.slug]
    begun = time.monotonic()
    with subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.DEVNULL) as process:
        with watched([process.pid], redis_url) as peak:
            process.wait()
        seconds = time.monotonic() - begun
    if process.returncode:
        raise RuntimeError(f"the import ended with {process.returncode}")
    record = ContactImport.objects.filter(client=client).latest("pk")
    return Imported(seconds, peak.process_mb, record.created, record.unchanged)
