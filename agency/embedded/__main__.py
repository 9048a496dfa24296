"""`python -m agency.embedded start|stop|status|urls [main|test|faults]`: the private servers from the command line.

`urls` starts them too and prints what a shell can `eval`, so that a command can be pointed at one purpose's servers.
It reads no settings: what starts them only where DATABASE_URL and REDIS_URL are not given is `python -m agency.settings.start`.
"""

import argparse
import shlex
import sys

from agency.embedded import PURPOSES, ServersUnavailable, status, stop, urls


def main() -> int:
    """Run one command. Exit code 1 and one sentence when it cannot be done; `status` says 3 when a server does not run."""
    parser = argparse.ArgumentParser(prog="python -m agency.embedded", description=__doc__)
    parser.add_argument("command", choices=("start", "stop", "status", "urls"))
    parser.add_argument(
        "purpose",
        nargs="?",
        choices=PURPOSES,
        help="start and urls: main unless said; stop and status: all unless said",
    )
    wanted = parser.parse_args()
    try:
        if wanted.command == "start":
            urls(wanted.purpose or "main")
        elif wanted.command == "urls":
            found = urls(wanted.purpose or "main")
            print(f"export DATABASE_URL={shlex.quote(found.database_url)} REDIS_URL={shlex.quote(found.redis_url)}")
            return 0
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
            f"{fact.purpose:6} {fact.name:11} {f'running, process {fact.pid}' if fact.pid else 'not running'}, {fact.data_directory}"
        )
    return 0 if all(fact.pid for fact in facts) else 3


if __name__ == "__main__":
    sys.exit(main())
