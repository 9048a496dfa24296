"""Redis and PostgreSQL that restart, forget, stand still or refuse."""

import os
import signal
import time

from campaigns.outreach.demo.platform import SENDERS
from tests.faults.ground import Ground
from tests.faults.rows.processes import under_way
from tests.faults.table import Broken, fault
from tests.faults.waiting import wait_for


@fault(
    "flushall",
    injects="FLUSHALL of Redis in the middle of a campaign",
    holds="consuming again; every row final; no limit exceeded, because the limiter's counters are rebuilt from the rows",
    seconds=60,
    short=True,
)
def flushall(ground: Ground) -> float:
    """Messages, results, limiter and cache are gone at once."""
    trial = ground.trial(2_500)
    under_way(ground, trial, 600)
    with ground.redis() as client:
        client.flushall()
    took = ground.consuming_again(trial, time.monotonic(), 120)
    ground.settle(trial)
    # 150 a second for ten seconds, and a second's worth for what was granted and not yet sent when the counters were lost.
    if trial.fastest(10) > 150 * 11:
        raise Broken(f"{trial.fastest(10)} messages in 10 s from a number that may send 150 a second")
    return took


@fault(
    "postgres_restart",
    injects="every database connection terminated, then PostgreSQL restarted, in the middle of a campaign",
    holds="transactions are retried whole; Beat survives; totals equal the rows",
    seconds=60,
    short=True,
)
def postgres_restart(ground: Ground) -> float:
    """The senders record their answers on new connections, unless the server stays away too long: those rows become unknown."""
    trial = ground.trial(2_500)
    under_way(ground, trial, 500)
    beat = ground.platform.group.running["beat-1"]
    ground.terminate_connections()
    ground.consuming_again(trial, time.monotonic(), 120)
    ground.stop_server(ground.postgres)
    ground.start_server(ground.postgres)
    took = ground.consuming_again(trial, time.monotonic(), 120)
    ground.settle(trial, unknown=4 * 400)
    wait_for("Beat survives", 1, lambda: beat.alive and ground.platform.group.running["beat-1"] is beat)
    return took


@fault(
    "redis_restart",
    injects="Redis restarted, and later killed with -9, in the middle of a campaign",
    holds="consuming again; every row final; at most 400 unknown a sender, which ends what its children run when it loses its broker",
    seconds=60,
)
def redis_restart(ground: Ground) -> float:
    """A restart keeps the append-only file; a crash may lose its last second."""
    trial = ground.trial(4_000)
    under_way(ground, trial, 600)
    ground.stop_server(ground.valkey)
    ground.start_server(ground.valkey)
    first = ground.consuming_again(trial, time.monotonic(), 120)
    ground.crash_server(ground.valkey)
    ground.start_server(ground.valkey)
    second = ground.consuming_again(trial, time.monotonic(), 120)
    ground.settle(trial, processes=2 * len(SENDERS))  # twice, a sender that loses its broker ends what its children run
    return max(first, second)


@fault(
    "redis_pause_30s",
    injects="Redis standing still for 30 s in the middle of a campaign",
    holds="consuming again; every row final; at most 400 unknown a sender, which ends what its children run when it loses its broker",
    seconds=60,
)
def redis_pause_30s(ground: Ground) -> float:
    """Stopped, as by a debugger or a stalled disk: connections stay open and nothing answers."""
    trial = ground.trial(2_500)
    under_way(ground, trial, 600)
    pid = ground.server_pid(ground.valkey)
    os.kill(pid, signal.SIGSTOP)
    ends = time.monotonic() + 30
    wait_for("the pause is over", 40, lambda: time.monotonic() >= ends)
    os.kill(pid, signal.SIGCONT)
    took = ground.consuming_again(trial, time.monotonic(), 120)
    ground.settle(trial, processes=len(SENDERS))
    return took


@fault(
    "redis_out_of_memory",
    injects="Redis refusing every write for 10 s because its memory is full",
    holds="consuming again; every row final; at most 400 unknown a sender, which ends what its children run when it loses its broker",
    seconds=60,
)
def redis_out_of_memory(ground: Ground) -> float:
    """`noeviction`: nothing is thrown away, writes are refused."""
    trial = ground.trial(3_000)
    under_way(ground, trial, 600)
    with ground.redis() as client:
        client.config_set("maxmemory", "1")
        ends = time.monotonic() + 10
        wait_for("memory was full for 10 s", 20, ground.alive(lambda: time.monotonic() >= ends))
        client.config_set("maxmemory", "0")
    took = ground.consuming_again(trial, time.monotonic(), 120)
    ground.settle(trial, processes=len(SENDERS))
    return took
