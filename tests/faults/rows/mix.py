"""Everything at once: a seeded random mix of faults over one campaign."""

import random
import time
from collections.abc import Callable

from campaigns.outreach.demo.platform import SENDERS
from tests.faults.ground import Ground
from tests.faults.table import fault
from tests.faults.waiting import wait_for


@fault(
    "mix",
    injects="a seeded random mix of all these faults over one campaign (5,000 people in the short suite, 20,000 in the full one)",
    holds="none lost, none twice, at most 400 unknown a killed process, the job final",
    seconds=120,
    short=True,
)
def mix(ground: Ground) -> float:
    """Each fault strikes at a random share of the campaign; the seed is printed, and gives the same order again."""
    people = 5_000 if ground.short else 20_000
    dice = random.Random(ground.seed)
    print(f"mix: seed {ground.seed}", flush=True)
    trial = ground.trial(people, per_second=80 if ground.short else 220)
    strikes = _strikes(ground)
    chosen = dice.choices(list(strikes), k=5 if ground.short else 8)
    marks = sorted(dice.uniform(0.05, 0.85) for _ in chosen)
    control = ground.platform.sandbox.control
    control.add_fault("cut_after", operation="send", share=0.01)
    control.add_fault("duplicate_webhooks", share=0.1)
    control.add_fault("reorder_webhooks", share=0.1, seconds=1)
    killed = 0
    last = time.monotonic()
    for mark, name in zip(marks, chosen, strict=True):
        goal = int(mark * people)
        wait_for(
            f"{goal} accepted",
            180,
            ground.alive(lambda goal=goal: trial.accepted() >= goal or trial.finished()),  # type: ignore[misc]
        )
        print(f"mix: {name} at {trial.accepted():,} accepted", flush=True)
        killed += strikes[name]()
        last = time.monotonic()
    wait_for("every row final", 300, ground.alive(trial.finished))
    took = time.monotonic() - last
    ground.settle(trial, processes=killed)
    return took


def _strikes(ground: Ground) -> dict[str, Callable[[], int]]:
    """What may happen, by name; each returns how many sender processes lost what they had in hand."""

    def kill_sender() -> int:
        ground.kill(SENDERS[0])
        return 1

    def kill_child() -> int:
        return ground.kill_child(SENDERS[1])

    def kill_worker() -> int:
        ground.kill("worker")
        return 0

    def kill_beat() -> int:
        ground.kill("beat-1")
        return 0

    def flush() -> int:
        with ground.redis() as client:
            client.flushall()
        return 0

    def restart_redis() -> int:
        ground.stop_server(ground.valkey)
        ground.start_server(ground.valkey)
        return len(SENDERS)  # a sender that loses its broker ends what its children run

    def restart_postgres() -> int:
        ground.stop_server(ground.postgres)
        ground.start_server(ground.postgres)
        return len(SENDERS)

    def terminate_connections() -> int:
        ground.terminate_connections()
        return len(SENDERS)

    strikes = (
        *(kill_sender, kill_child, kill_worker, kill_beat, flush),
        *(restart_redis, restart_postgres, terminate_connections),
    )
    return {strike.__name__: strike for strike in strikes}
