"""`make faults`: `python -m tests.faults [--row NAME] [--repeat N] [--short]`."""

import argparse
import importlib
import os
import sys

import django

from agency.embedded import ServersUnavailable, stop
from agency.embedded.borrowing import own_servers
from agency.processes import ended_by_signals


def main() -> int:
    """Run the rows on servers of the suite's own, which end with it. Exit code 0 only when every row passed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description="Inject faults and account for everybody."
    )
    parser.add_argument("--row", action="append", default=[], help="only this row; may be given again")
    parser.add_argument("--repeat", type=int, default=1, help="run the chosen rows so many times")
    parser.add_argument("--short", action="store_true", help="the seven rows that CI runs")
    parser.add_argument("--seed", type=int, default=0, help="of the random mix; printed by each run")
    parser.add_argument("--write-docs", action="store_true", help="write docs/faults.md from the rows, and run nothing")
    chosen = parser.parse_args()
    if chosen.write_docs:
        os.environ["BATUTA_SERVERS"] = "none"
        django.setup()
        importlib.import_module("tests.faults.documents").write()
        return 0
    with ended_by_signals():
        try:
            own_servers("faults", "batuta_faults", 0)
            django.setup()
            # What imports models is imported only now: the settings read the addresses that were set a line above.
            suite = importlib.import_module("tests.faults.suite")
            return int(suite.run(rows=chosen.row, repeat=chosen.repeat, short=chosen.short, seed=chosen.seed))
        except ServersUnavailable as error:
            print(error, file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130
        finally:
            stop("faults")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agency.settings.local")
    sys.exit(main())
