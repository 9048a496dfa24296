"""A database and Redis databases of a run's own on one purpose's private servers, for benchmarks and the fault suite."""

import os
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis
from psycopg import sql

from agency import embedded
from agency.embedded.home import Purpose


@dataclass(frozen=True, slots=True)
class OwnServers:
    """What one run has to itself."""

    purpose: Purpose
    database: str
    database_url: str
    redis_url: str


def own_servers(purpose: Purpose, database: str, first_redis: int) -> OwnServers:
    """A fresh database of this name, and three empty Redis databases from `first_redis` on (broker, cache, limiter).

    Sets the environment of this process, and so of those it starts; call it before Django is set up. Raises ServersUnavailable.
    """
    private = embedded.urls(purpose)
    own = OwnServers(purpose, database, private.database_url.replace("/batuta?", f"/{database}?", 1), "")
    base = urlsplit(private.redis_url)
    urls = {
        name: urlunsplit(base._replace(path=f"/{first_redis + place}"))
        for place, name in enumerate(("REDIS_URL", "CACHE_URL", "LIMITER_URL"))
    }
    drop_database(own)
    with psycopg.connect(private.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    for url in urls.values():
        with redis.Redis.from_url(url) as client:
            client.flushdb()
    os.environ.update(urls, DATABASE_URL=own.database_url, DJANGO_SETTINGS_MODULE="agency.settings.local")
    return OwnServers(purpose, database, own.database_url, urls["REDIS_URL"])


def drop_database(own: OwnServers) -> None:
    """Leave nothing behind."""
    with psycopg.connect(embedded.urls(own.purpose).database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(own.database)))
