"""A task that kills its process each time it runs: loaded by the worker of the row `poison` only."""

import os
import signal

from celery import shared_task

TASK = "tests.poison"
ABORT = signal.SIGUSR2  # ends the batch at work by an exception, where `aborted_loop` is loaded
DEADLY_NAME = "Veneno"  # a person who ends every process that writes to them, where `deadly_name` is loaded


@shared_task(name=TASK)
def poison(slot: str) -> None:
    """End this process as a crash of an extension module would."""
    os.kill(os.getpid(), signal.SIGKILL)
