"""Private PostgreSQL 18 and Valkey 9 for this checkout, started where no DATABASE_URL / REDIS_URL is given.

Without Django: the settings ask here for addresses before Django knows any. Four clusters by purpose: `main` (durable),
`test` and `test2` (fast; one for each test process), and `faults` (durable; the fault suite kills and restarts it).
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from agency.embedded.errors import ServersUnavailable
from agency.embedded.home import PURPOSES, TEST_PURPOSES, Home, Purpose
from agency.embedded.postgres import DATABASE, PORT, USER, PostgresServer
from agency.embedded.server import Answer, PrivateServer
from agency.embedded.valkey import ValkeyServer

__all__ = [
    "PURPOSES",
    "TEST_PURPOSES",
    "Home",
    "Purpose",
    "ServerFacts",
    "ServerUrls",
    "ServersUnavailable",
    "local_secret",
    "servers",
    "status",
    "stop",
    "urls",
]

logger = logging.getLogger(__name__)
CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class ServerUrls:
    """How to reach one purpose's servers.

    `database_url` names the unix socket's directory in its query (`postgresql://user:password@/batuta?host=/dir&port=5432`), as libpq and psycopg read it.
    `redis_url` is `redis://:password@127.0.0.1:port/0`. `database` holds the same as Django's connection keys.
    """

    database_url: str
    redis_url: str
    database: dict[str, str]


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """One private server as found now; `pid` is 0 when it does not run."""

    purpose: Purpose
    name: str
    pid: int
    data_directory: Path
    log: Path


def urls(purpose: Purpose, home: Home | None = None) -> ServerUrls:
    """The addresses of one purpose's servers; what does not run is started. Milliseconds when all runs.

    Raises ServersUnavailable with a sentence for a person.
    """
    place = home or Home(CHECKOUT)
    postgres, valkey = PostgresServer(place, purpose), ValkeyServer(place, purpose)
    answers = _quick_look(postgres), _quick_look(valkey)
    if answers[0] is None or answers[1] is None:
        place.prepare(purpose)
        with place.lock():
            if answers[0] is None:
                postgres.ensure()
            answers = answers[0], answers[1] or valkey.ensure()
    port = answers[1].port if answers[1] else 0
    return ServerUrls(
        database_url=f"postgresql://{USER}:{postgres.password()}@/{DATABASE}?host={quote(str(place.sockets(purpose)), safe='')}&port={PORT}",
        redis_url=f"redis://:{valkey.password()}@127.0.0.1:{port}/0",
        database={
            "HOST": str(place.sockets(purpose)),
            "PORT": str(PORT),
            "NAME": DATABASE,
            "USER": USER,
            "PASSWORD": postgres.password(),
        },
    )


def servers(purpose: Purpose, home: Home | None = None) -> tuple[PrivateServer, PrivateServer]:
    """PostgreSQL and Valkey of one purpose, for what must stop or look at one alone (the fault suite)."""
    place = home or Home(CHECKOUT)
    return PostgresServer(place, purpose), ValkeyServer(place, purpose)


def stop(purpose: Purpose | None = None, home: Home | None = None) -> list[str]:
    """End the private servers of one purpose or of all, each only after its identity is checked. Returns what was ended."""
    place = home or Home(CHECKOUT)
    if not place.path.is_dir():
        return []
    with place.lock():
        wanted = [server for each in PURPOSES if purpose in (None, each) for server in servers(each, place)]
        return [f"{server.name} ({server.purpose})" for server in wanted if server.stop()]


def status(home: Home | None = None) -> list[ServerFacts]:
    """Every private server of this checkout, asked now."""
    found = []
    for purpose in PURPOSES:
        for server in servers(purpose, home):
            answer = server.ask()
            pid = answer.pid if isinstance(answer, Answer) else 0
            found.append(ServerFacts(purpose, server.name, pid, server.data_directory, server.log))
    return found


def local_secret(name: str, home: Home | None = None) -> str:
    """A secret of this checkout (`secret_key`, `encryption_key`): 32 random bytes in url-safe base64, made on first use, then stable."""
    return (home or Home(CHECKOUT)).secret(name)


def _quick_look(server: PrivateServer) -> Answer | None:
    """The answer of a server that runs and whose record is whole, without taking the lock."""
    if server.recorded() is None:
        return None
    answer = server.ask()
    return answer if isinstance(answer, Answer) and answer.whole else None
