"""What every side stands on: a database of its own with the same people, Redis databases of its own, the same provider."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis

from agency import embedded

DATABASE = "batuta_bench"
PEOPLE = 250_000  # contacts of the benchmark's client; more than the fastest side sends in one round


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the benchmark's servers are."""

    database_url: str
    redis_url: str


def own_servers() -> Addresses:
    """The durable private servers, with a fresh database and Redis databases 5 to 7. Sets the environment for every process of the run."""
    private = embedded.urls("main")
    database = private.database_url.replace("/batuta?", f"/{DATABASE}?", 1)
    base = urlsplit(private.redis_url)
    urls = {
        name: urlunsplit(base._replace(path=f"/{number}"))
        for name, number in (("REDIS_URL", 5), ("CACHE_URL", 6), ("LIMITER_URL", 7))
    }
    with psycopg.connect(private.database_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {DATABASE}")
    for url in urls.values():
        redis.Redis.from_url(url).flushdb()
    os.environ.update(urls, DATABASE_URL=database, DJANGO_SETTINGS_MODULE="agency.settings.local")
    return Addresses(database, urls["REDIS_URL"])


def drop_database() -> None:
    """Leave nothing behind."""
    with psycopg.connect(embedded.urls("main").database_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


@contextlib.contextmanager
def running_provider() -> Iterator[str]:
    """The provider as a process of its own; yields its base URL."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.provider"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
