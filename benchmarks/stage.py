"""What every side stands on: the same number of people, the same provider."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator

PEOPLE = 500_000  # contacts of the benchmark's client; more than the fastest side sends in one round


@contextlib.contextmanager
def running_provider() -> Iterator[str]:
    """The provider as a process of its own; yields its base URL."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.provider"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
