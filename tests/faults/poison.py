"""A task that kills its process each time it runs: loaded only by the worker of the row `poison`."""

import os
import signal

from celery import shared_task

TASK = "tests.poison"


@shared_task(name=TASK)
def poison(slot: str) -> None:
    """End this process as a crash of an extension module would."""
    os.kill(os.getpid(), signal.SIGKILL)
