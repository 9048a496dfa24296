"""Starting tasks by name, so that no layer imports upwards. A message is only a nudge: the database row is the work."""

import logging
from functools import partial

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def enqueue(name: str, *args: int | str, expires: float | None = None) -> bool:
    """Publish one nudge now. Returns False when the broker is away: the sweep finds the row without it."""
    try:
        # Nobody waits for a nudge's result: without this, each one leaves a subscription behind in the publishing process.
        current_app.send_task(name, args=args, expires=expires, ignore_result=True)
    except (OperationalError, ConnectionError, TimeoutError) as error:
        logger.warning("nudge not published", extra={"task": name, "error": str(error)})
        return False
    return True


def enqueue_after_commit(name: str, *args: int | str) -> None:
    """Publish one nudge when the running transaction commits; a crash in between is repaired by the sweep."""
    transaction.on_commit(partial(enqueue, name, *args))
