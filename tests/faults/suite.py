"""Runs the rows of the table one after the other on one platform, and says how each ended."""

import io
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from agency import embedded
from campaigns.outreach.demo.platform import running_platform
from tests.faults import rows as _rows  # noqa: F401 -- importing the rows fills the table
from tests.faults.ground import Ground
from tests.faults.table import ROWS, Broken, Row, in_order

LOGS = Path(settings.BASE_DIR) / ".batuta" / "fault-suite" / "logs"
TIME_SCALE = 60.0


def run(*, rows: Sequence[str], repeat: int, short: bool, seed: int) -> int:
    """Returns the exit code. Prints a line a row, and last how many passed."""
    unknown = sorted(set(rows) - set(ROWS))
    if unknown:
        print(f"There is no row {', '.join(unknown)}; the rows are {', '.join(ROWS)}.")
        return 2
    chosen = [ROWS[name] for name in rows] or in_order(short=short)
    seed = seed or int(time.time())
    began = time.monotonic()
    call_command("migrate", verbosity=0)
    call_command("sync_schedules", stdout=io.StringIO())
    postgres, valkey = embedded.servers("faults")
    passed = failed = 0
    LOGS.parent.mkdir(parents=True, exist_ok=True)
    with running_platform(time_scale=TIME_SCALE, logs=LOGS) as platform:
        print(
            f"Platform up after {time.monotonic() - began:.0f} s; {len(chosen)} rows; logs are in {LOGS}.", flush=True
        )
        ground = Ground(platform, postgres, valkey, seed=seed, short=short)
        for turn in range(repeat):
            for row in chosen:
                if play(ground, row, f" ({turn + 1} of {repeat})" if repeat > 1 else ""):
                    passed += 1
                else:
                    failed += 1
    print(f"The suite took {time.monotonic() - began:.0f} s.")
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not passed else 0


def play(ground: Ground, row: Row, turn: str) -> bool:
    """One row; whatever it did to the platform is undone before the next. Returns whether it passed."""
    began = time.monotonic()
    said = ""
    try:
        ground.begin()
        measured = row.play(ground)
        if measured > 2 * row.seconds:
            raise Broken(f"recovered after {measured:.1f} s, promised {row.seconds:g} s: more than twice")
        said = f"PASS  recovered after {measured:.1f} s (promised {row.seconds:g} s)"
    except Broken as error:
        said = f"FAIL  {error}"
    except Exception as error:  # a row that breaks by itself is a failure of that row, and not the end of the suite
        traceback.print_exc()
        said = f"FAIL  {type(error).__name__}: {error}"
    ok = said.startswith("PASS")
    try:
        if not ok:
            ground.raise_servers()
            ground.account = " | ".join(trial.describe() for trial in ground.trials[:3]) or ground.account
        ground.restore()
    except Exception as error:  # the next row would only fail for this one's reason
        traceback.print_exc()
        said, ok = f"FAIL  the platform did not recover: {type(error).__name__}: {error}", False
    print(f"{row.name:22}{turn} {said}; {ground.account}; {time.monotonic() - began:.0f} s in all", flush=True)
    return ok
