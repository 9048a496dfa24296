"""A committed database and an empty broker of a test's own, for tests with real processes.

The database is cloned from the migrated one, so nothing is truncated and nothing remains.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
import redis
from django.conf import settings
from django.db import connection
from psycopg import sql

from agency.settings.servers import with_redis_database

BROKER_DATABASE = 7


@dataclass(frozen=True)
class Live:
    """Where the processes of a test find their servers: add `environment` to theirs."""

    environment: Mapping[str, str]
    redis_url: str

    def messages(self, queue: str) -> list[dict[str, Any]]:
        """The headers of the messages that lie in a queue, oldest first."""
        with redis.Redis.from_url(self.redis_url) as client:
            found: Any = client.lrange(queue, 0, -1)
        return [json.loads(body)["headers"] for body in reversed(found)]


@contextlib.contextmanager
def live_servers(name: str) -> Iterator[Live]:
    """Clone the test database under `name`, point this process's ORM at the clone, and empty a broker database.

    For use where database access is allowed and no transaction runs.
    """
    redis_url = with_redis_database(settings.REDIS_URL, BROKER_DATABASE)
    template = connection.settings_dict["NAME"]
    clone = f"{template}_{name}"
    _leave_database()
    _recreate(clone, template)
    connection.settings_dict["NAME"] = clone
    try:
        with redis.Redis.from_url(redis_url) as client:
            client.flushdb()
        environment = {
            "DATABASE_URL": _url(clone),
            "REDIS_URL": redis_url,
            "DJANGO_SETTINGS_MODULE": "agency.settings.test",
        }
        yield Live(environment, redis_url)
    finally:
        _leave_database()
        connection.settings_dict["NAME"] = template
        _recreate(clone, None)


def _leave_database() -> None:
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]


def _url(database: str) -> str:
    facts = connection.settings_dict
    account = f"{quote(facts['USER'])}:{quote(facts['PASSWORD'], safe='')}"
    place = urlencode({"host": facts["HOST"], "port": facts["PORT"]})
    return f"postgresql://{account}@/{database}?{place}"


def _recreate(clone: str, template: str | None) -> None:
    with psycopg.connect(_url("postgres"), autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(clone)))
        if template is not None:
            server.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(clone), sql.Identifier(template))
            )
