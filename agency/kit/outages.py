"""When the database itself is in trouble: what tells it, and running a whole transaction again."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

PAUSES = (0.2, 1.0)  # seconds before the second and the third try
PATIENCE_SECONDS = 5.0  # no try begins later than this after the first one began


def is_outage(error: Exception) -> bool:
    """Whether the database itself is in trouble (SQLSTATE classes of connection, resources, shutdown, rollback)."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state[:2] in ("08", "40", "53", "55", "57", "58")


def persistently(work: Callable[[], Result]) -> Result:
    """Run a whole transaction, and again on a new connection when an outage undid it: three times within five seconds, then the error is raised.

    Only for work that may be repeated, for a connection that is lost at the commit does not tell whether that was done. What stands inside
    a transaction of its caller's is run once: the rest of that transaction is lost with the connection.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    for pause in PAUSES:
        try:
            return work()
        except (OperationalError, InterfaceError) as error:
            if connection.in_atomic_block or not is_outage(error) or time.monotonic() + pause > until:
                raise
            logger.warning("the database was away; once more", extra={"error": type(error.__cause__).__name__})
        connection.close()
        time.sleep(pause)
    return work()
