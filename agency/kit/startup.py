"""What manage.py says when the set-up is wrong: one sentence and exit code 1, and no traceback (`--traceback` shows it)."""

import sys
from typing import Any

import psycopg
import redis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError

from agency.embedded import ServersUnavailable

CONNECT_SECONDS = 10
# These are asked for their servers before they begin: the connection pool would try a wrong password for half a minute.
NEED_DATABASE = ("demo", "migrate", "up")
NEED_REDIS = ("demo", "up")


def run(arguments: list[str]) -> None:
    """Django's command line. What is wrong with the set-up ends the program with a sentence on standard error."""
    if "--traceback" in arguments:
        execute_from_command_line(arguments)
        return
    command = arguments[1] if len(arguments) > 1 else ""
    try:
        if command in NEED_DATABASE and not {"-h", "--help"} & set(arguments):
            require_database()
        if command in NEED_REDIS and not {"-h", "--help"} & set(arguments):
            require_redis()
        execute_from_command_line(arguments)
    except (ImproperlyConfigured, ServersUnavailable) as error:
        sys.exit(str(error))
    except OperationalError as error:
        if not _no_connection(error):
            raise
        sys.exit(database_sentence(error))


def require_database() -> None:
    """Connect once, past the pool. Raises ImproperlyConfigured."""
    given: dict[str, Any] = settings.DATABASES["default"]
    options = {name: value for name, value in given["OPTIONS"].items() if name != "pool"}
    address = {
        keyword: given[name]
        for keyword, name in (
            ("host", "HOST"),
            ("port", "PORT"),
            ("dbname", "NAME"),
            ("user", "USER"),
            ("password", "PASSWORD"),
        )
        if given[name]
    }
    try:
        psycopg.connect(**{"connect_timeout": CONNECT_SECONDS, **options, **address}).close()
    except psycopg.Error as error:
        raise ImproperlyConfigured(database_sentence(error)) from error


def require_redis() -> None:
    """Ask the broker once. Raises ImproperlyConfigured."""
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=CONNECT_SECONDS) as broker:
            broker.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        raise ImproperlyConfigured(
            f"Redis does not answer: {_first_line(error)}. Correct host, port and password in REDIS_URL, or start the server."
        ) from error


def database_sentence(error: Exception) -> str:
    """What PostgreSQL or the network said, and what to do."""
    return (
        f"The database cannot be reached: {_first_line(error)}. "
        "Correct host, port, user, password and name in DATABASE_URL, or start the server."
    )


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".")


def _no_connection(error: OperationalError) -> bool:
    """Whether it failed to connect; a server that was reached gives its errors a code."""
    cause = error.__cause__
    return isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None
