"""Running the sides in turn. Imported only after the environment names the benchmark's servers: it sets Django up."""

import importlib
from collections import defaultdict

import django
from django.core.management import call_command

from agency.embedded.borrowing import OwnServers
from benchmarks.memory import watched
from benchmarks.rounds import measure
from benchmarks.sides import running

django.setup()
product = importlib.import_module("benchmarks.sides.engine")


def prepare() -> None:
    """The database as a deployment leaves it."""
    call_command("migrate", verbosity=0)
    call_command("sync_schedules", verbosity=0)


def measure_sides(
    sides: list[str], rounds: int, own: OwnServers, provider: str, people: int
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Messages per second of each side, one figure a round; and the highest memory of the engine's senders and of Valkey meanwhile."""
    client = product.make_people(people)
    rates: dict[str, list[float]] = defaultdict(list)
    memory: dict[str, float] = {}
    url = own.database_url
    for number in range(1, rounds + 1):
        for side in sides:
            match side:
                case "engine":
                    ready = product.engine(client, provider, people)
                case "bare":
                    ready = running.bare("aiohttp", url, provider)
                case "bare_product":
                    ready = running.bare("product", url, provider)
                case "usual":
                    ready = running.usual(url, provider)
                case "dramatiq":
                    ready = running.dramatiq(url, provider)
                case "procrastinate":
                    ready = running.procrastinate(url, provider)
                case _:
                    raise SystemExit(f"there is no side {side}")
            with ready as begun, watched(begun.senders, own.redis_url) as peak:
                result = measure(side, url, begun.count, begun.people, begin=begun.begin)
            if side == "engine":
                memory["sender_mb"] = max(memory.get("sender_mb", 0.0), round(peak.process_mb))
                memory["valkey_mb"] = max(memory.get("valkey_mb", 0.0), round(peak.valkey_mb, 1))
            rates[side].append(result.rate)
            print(f"round {number}  {side:<14}{result.rate:>9,.0f} messages/s", flush=True)
    return dict(rates), memory
