"""What the tests of the private servers ask of processes."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from agency.embedded import Home, Purpose, status


def pids(home: Home, purpose: Purpose) -> tuple[int, int]:
    """The process ids of PostgreSQL and Valkey, as the servers themselves say."""
    found = [fact.pid for fact in status(home) if fact.purpose == purpose]
    return found[0], found[1]


def kill(*processes: int) -> None:
    """kill -9, and wait until the processes and their children are gone."""
    victims = [psutil.Process(pid) for pid in processes]
    children = [child for victim in victims for child in victim.children(recursive=True)]
    for victim in victims:
        victim.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while any(lives(process.pid) for process in victims + children):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def lives(pid: int) -> bool:
    """Whether the process runs; one that ended and is not collected yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def stranger(home: Home) -> Iterator[psutil.Process]:
    """A live process of the servers' user that has nothing to do with them."""
    account = home.account
    with subprocess.Popen(
        ["sleep", "300"], user=account.uid if account else None, extra_groups=[] if account else None
    ) as process:
        try:
            yield psutil.Process(process.pid)
            assert process.poll() is None, "the stranger was ended"
        finally:
            process.kill()


def servers_user() -> int:
    """The user id the servers must have: nobody's when this runs as root."""
    return psutil.Process().uids().real if os.geteuid() else 65534
