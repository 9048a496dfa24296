"""`python -m agency.settings.start main|test`: what `make demo`, `up` and `test` do first.

Where DATABASE_URL and REDIS_URL (also as _FILE, in .env or in AWS Secrets Manager) are given, nothing; a private server for each that is not.
`python -m agency.embedded start` knows no settings and always starts both.
"""

import sys
from typing import Literal, cast

from django.core.exceptions import ImproperlyConfigured

from agency import embedded
from agency.settings.environment import environment
from agency.settings.servers import server_urls

PURPOSES = ("main", "test")


def start(purpose: Literal["main", "test"]) -> list[str]:
    """Start what is not given. Returns a line for each server, or one sentence when both are given. Raises ImproperlyConfigured."""
    given = environment()
    server_urls(purpose)
    if given.database_url and given.redis_url:
        return ["PostgreSQL and Redis are those of DATABASE_URL and REDIS_URL; no private server is started."]
    if given.batuta_servers == "none":
        return ["BATUTA_SERVERS is none; no private server is started."]
    return [
        f"{fact.name:11} private, process {fact.pid}, {fact.data_directory}"
        for fact in embedded.status()
        if fact.purpose == purpose and fact.pid
    ]


def main(arguments: list[str]) -> int:
    """Run it: exit code 0, or 1 and one sentence."""
    if len(arguments) != 1 or arguments[0] not in PURPOSES:
        print("usage: python -m agency.settings.start main|test", file=sys.stderr)
        return 2
    try:
        lines = start(cast(Literal["main", "test"], arguments[0]))
    except (ImproperlyConfigured, embedded.ServersUnavailable) as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
