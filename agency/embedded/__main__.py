"""`python -m agency.embedded start|stop|status [main|test]`: the private servers from the command line."""

import argparse
import sys

from agency.embedded import PURPOSES, ServersUnavailable, status, stop, urls


def main() -> int:
    """Run one command. Exit code 1 and one sentence when it cannot be done; `status` says 3 when a server does not run."""
    parser = argparse.ArgumentParser(prog="python -m agency.embedded", description=__doc__)
    parser.add_argument("command", choices=("start", "stop", "status"))
    parser.add_argument(
        "purpose", nargs="?", choices=PURPOSES, help="start: main unless said; stop and status: all unless said"
    )
    wanted = parser.parse_args()
    try:
        if wanted.command == "start":
            urls(wanted.purpose or "main")
        elif wanted.command == "stop":
            for ended in stop(wanted.purpose):
                print(f"stopped {ended}")
            return 0
    except ServersUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    facts = [
        fact
        for fact in status()
        if fact.purpose == (wanted.purpose or (fact.purpose if wanted.command == "status" else "main"))
    ]
    for fact in facts:
        print(
            f"{fact.purpose:5} {fact.name:11} {f'running, process {fact.pid}' if fact.pid else 'not running'}, {fact.data_directory}"
        )
    return 0 if all(fact.pid for fact in facts) else 3


if __name__ == "__main__":
    sys.exit(main())
