"""Says on the terminal what is wrong, whatever has become of the terminal."""

from __future__ import annotations

import contextlib
import sys


def complain(text: str) -> None:
    """Write to standard error; a closed or full one changes nothing."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"sandbox: {text}\n")
        sys.stderr.flush()
