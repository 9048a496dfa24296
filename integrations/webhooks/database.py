"""The door's own way to PostgreSQL: asynchronous, outside the ORM, a handful of connections on its loop."""

from typing import Any

import psycopg
from django.db import connections
from psycopg.rows import TupleRow

CONNECT_SECONDS = 5
# Options that Django reads itself; everything else in OPTIONS is libpq's.
_DJANGO_OPTIONS = frozenset({"pool", "isolation_level", "server_side_binding", "assume_role", "service"})

AsyncConnection = psycopg.AsyncConnection[TupleRow]


def connection_parameters() -> dict[str, Any]:
    """How to reach the default database, as libpq spells it."""
    given = connections["default"].settings_dict
    named = {
        "dbname": given["NAME"],
        "user": given["USER"],
        "password": given["PASSWORD"],
        "host": given["HOST"],
        "port": given["PORT"],
    }
    options = {name: value for name, value in given["OPTIONS"].items() if name not in _DJANGO_OPTIONS}
    return {name: value for name, value in (named | options).items() if value not in ("", None)}


async def connect() -> AsyncConnection:
    """A new connection in autocommit: each statement is a transaction. Raises `psycopg.Error`."""
    own: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "application_name": "batuta webhook door"}
    parameters = own | connection_parameters()
    return await psycopg.AsyncConnection.connect(**parameters, autocommit=True)
