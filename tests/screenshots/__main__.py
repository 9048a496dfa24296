"""`python -m tests.screenshots [--only NAME …]`: starts the platform on servers of its own and writes docs/images/*.png."""

import argparse
import importlib
import os
import sys

import django

from agency.embedded import ServersUnavailable
from agency.embedded.borrowing import drop_database, own_servers
from agency.processes import ended_by_signals


def main() -> int:
    """Exit code 0 only when every picture was taken."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description="Take the pictures of the docs.")
    parser.add_argument("--only", action="append", default=[], help="only this picture; may be given again")
    parser.add_argument("--people", type=int, default=6_000, help="how many contacts the demo client has")
    chosen = parser.parse_args()
    with ended_by_signals():
        try:
            own = own_servers("main", "batuta_screenshots", 8)
        except ServersUnavailable as error:
            print(error, file=sys.stderr)
            return 1
        try:
            django.setup()
            # What imports models is imported only now: the settings read the addresses that were set above.
            taking = importlib.import_module("tests.screenshots.taking")
            return int(taking.take(only=chosen.only, people=chosen.people))
        except KeyboardInterrupt:
            return 130
        finally:
            drop_database(own)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agency.settings.local")
    sys.exit(main())
