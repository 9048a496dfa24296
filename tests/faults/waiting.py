"""Waiting on states, through the outages that the suite itself causes."""

import time
from collections.abc import Callable

import psycopg
from django.db import Error, connection
from redis.exceptions import RedisError

from tests.faults.table import Broken

POLL_SECONDS = 0.1


def leave_database() -> None:
    """Forget this process's own connections: the server behind them may be gone."""
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]


def wait_for(what: str, seconds: float, reached: Callable[[], bool]) -> float:
    """Wait until a state is reached; returns how long it took in seconds. A server that is away means "not yet". Raises Broken."""
    began = time.monotonic()
    trouble = ""
    while True:
        try:
            if reached():
                return time.monotonic() - began
            trouble = ""
        except (Error, psycopg.Error, RedisError, OSError) as error:
            trouble = f" ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''})"
            leave_database()
        if time.monotonic() - began > seconds:
            raise Broken(f"{what}: not within {seconds:g} s{trouble}")
        time.sleep(POLL_SECONDS)
