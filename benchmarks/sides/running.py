"""Starting each side's processes, and what begins its sending."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from agency.processes import ProcessGroup, process_group
from benchmarks.sides.rows import COUNT, TABLE
from benchmarks.stage import PEOPLE

LOGS = Path(__file__).resolve().parents[2] / ".batuta" / "bench"


@dataclass(frozen=True, slots=True)
class RunningSide:
    """A side that is ready to send: what begins it, how its sent messages are counted, to how many it may send, and whose memory is watched."""

    begin: Callable[[], None]
    count: str
    people: int
    senders: Sequence[int] = ()


def fill_table(database_url: str, people: int) -> None:
    """The other sides' table, afresh."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in (TABLE % {"people": people}).split(";"):
            connection.execute(statement)


@contextlib.contextmanager
def _group(provider: str) -> Iterator[ProcessGroup]:
    with process_group(LOGS, {"BENCH_PROVIDER": provider}, fresh_logs=False) as group:
        yield group


@contextlib.contextmanager
def bare(kind: str, database_url: str, provider: str) -> Iterator[RunningSide]:
    """Two processes of the bare loop."""
    fill_table(database_url, PEOPLE)
    with _group(provider) as group:

        def begin() -> None:
            for number in (1, 2):
                group.start(
                    f"bare-{kind}-{number}",
                    (sys.executable, "-m", "benchmarks.sides.bare", kind, database_url, provider),
                )

        yield RunningSide(begin, COUNT, PEOPLE)


@contextlib.contextmanager
def usual(database_url: str, provider: str) -> Iterator[RunningSide]:
    """Celery, prefork of four."""
    fill_table(database_url, 12_000)
    with _group(provider) as group:
        group.start(
            "usual",
            (
                sys.executable,
                "-m",
                "celery",
                "-A",
                "benchmarks.sides.celery_app",
                "worker",
                "-c",
                "4",
                "-l",
                "WARNING",
                "--hostname",
                "usual@%h",
            ),
        )
        yield RunningSide(lambda: _enqueue(provider, "celery", 12_000), COUNT, 12_000)


@contextlib.contextmanager
def dramatiq(database_url: str, provider: str) -> Iterator[RunningSide]:
    """Dramatiq as its guide starts it: a process a core, eight threads each."""
    fill_table(database_url, 30_000)
    with _group(provider) as group:
        group.start(
            "dramatiq",
            (
                sys.executable,
                "-m",
                "dramatiq",
                "benchmarks.sides.dramatiq_app",
                "--processes",
                str(os.cpu_count() or 2),
                "--threads",
                "8",
            ),
        )
        yield RunningSide(lambda: _enqueue(provider, "dramatiq", 30_000), COUNT, 30_000)


@contextlib.contextmanager
def procrastinate(database_url: str, provider: str) -> Iterator[RunningSide]:
    """Procrastinate: a worker process a core, eight jobs at a time each."""
    fill_table(database_url, 15_000)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS public_jobs CASCADE")
    app = ("--app", "benchmarks.sides.procrastinate_app.app")
    with _group(provider) as group:
        with psycopg.connect(database_url) as connection:
            row = connection.execute("SELECT to_regclass('procrastinate_jobs')").fetchone()
        if row is None or row[0] is None:
            schema = group.start(
                "procrastinate-schema", (sys.executable, "-m", "procrastinate", *app, "schema", "--apply")
            )
            schema.popen.wait(60)
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("TRUNCATE procrastinate_jobs CASCADE")
        _enqueue(provider, "procrastinate", 15_000)

        def begin() -> None:
            for number in range(1, (os.cpu_count() or 2) + 1):
                group.start(
                    f"procrastinate-{number}",
                    (sys.executable, "-m", "procrastinate", *app, "worker", "--concurrency", "8", "--queues", "bench"),
                )

        yield RunningSide(begin, COUNT, 15_000)


def _enqueue(provider: str, kind: str, number: int) -> None:
    """Enqueue in a process of its own, as an application would."""
    with _group(provider) as group:
        done = group.start(f"enqueue-{kind}", (sys.executable, "-m", "benchmarks.sides.enqueue", kind, str(number)))
        done.popen.wait(300)
        if done.popen.returncode != 0:
            raise RuntimeError(f"enqueueing for {kind} failed; see {done.log}")
