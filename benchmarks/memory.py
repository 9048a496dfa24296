"""How much memory processes and Valkey hold while something runs."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import redis

EVERY_SECONDS = 0.2


@dataclass(slots=True)
class Peak:
    """The highest seen: of any one process in MB of resident memory, and of Valkey in MB of data."""

    process_mb: float = 0.0
    valkey_mb: float = 0.0


@contextlib.contextmanager
def watched(leaders: Sequence[int], redis_url: str) -> Iterator[Peak]:
    """Watch these processes and all below them, and the whole Valkey server, until the block ends."""
    peak = Peak()
    ended = threading.Event()

    def watch() -> None:
        with redis.Redis.from_url(redis_url) as client:
            while not ended.wait(EVERY_SECONDS):
                peak.process_mb = max(peak.process_mb, *(_resident_mb(pid) for pid in _families(leaders)), 0.0)
                memory = client.info("memory")
                peak.valkey_mb = max(peak.valkey_mb, int(memory["used_memory"]) / 2**20)

    watcher = threading.Thread(target=watch, name="memory", daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()


def _families(leaders: Sequence[int]) -> list[int]:
    """These processes, their children and theirs."""
    found = list(leaders)
    for pid in found:
        for listed in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += [int(child) for child in listed.read_text().split()]
    return found


def _resident_mb(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0
