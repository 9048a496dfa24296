"""Processes that die: a pool child, a sender, in the middle of their work."""

import itertools
import signal
import time

from campaigns.outreach.demo.platform import SENDERS
from messaging.models import Recipient
from messaging.states import RecipientState
from tests.faults.ground import Ground
from tests.faults.poison import ABORT
from tests.faults.table import Broken, fault
from tests.faults.trial import Trial
from tests.faults.waiting import wait_for

ROLLED = ("web", "worker", *SENDERS, "beat-1")
POLITE = (0, -signal.SIGTERM, 128 + signal.SIGTERM)  # exit codes of a process that ended because it was asked to


def moved_again(ground: Ground, trial: Trial, held: set[tuple[int, int | None]], since: float, seconds: float) -> float:
    """Wait until none of the leases that stood at the kill stands any more; returns the seconds since then."""
    wait_for("the killed process's rows move", seconds, ground.alive(lambda: not held & trial.in_hand()))
    return time.monotonic() - since


def under_way(ground: Ground, trial: Trial, accepted: int) -> None:
    """Wait until so many messages were accepted and a sender has rows in hand."""
    wait_for("sending is under way", 60, ground.alive(lambda: trial.accepted() >= accepted and bool(trial.in_hand())))


@fault(
    "pool_child",
    injects="kill -9 of a sender's pool child in the middle of a batch",
    holds="its rows move, none is lost, none is sent twice, at most 400 become unknown",
    seconds=60,
    short=True,
)
def pool_child(ground: Ground) -> float:
    """A sender's child dies with calls in flight; the sender starts another."""
    trial = ground.trial(2_500)
    ground.platform.sandbox.control.hold_webhooks()  # else status events settle the rows before the sweep does
    under_way(ground, trial, 300)
    held = ground.catch(SENDERS[0], trial)
    ground.kill_child(SENDERS[0])
    took = moved_again(ground, trial, held, time.monotonic(), 120)
    ground.platform.sandbox.control.release_webhooks()
    ground.settle(trial, processes=1)
    return took


@fault(
    "worker_group",
    injects="kill -9 of a whole sender, parent and children, in the middle of a batch",
    holds="its rows move, none is lost, none is sent twice, at most 400 become unknown",
    seconds=60,
    short=True,
)
def worker_group(ground: Ground) -> float:
    """A sender dies altogether and is started again, as systemd does."""
    trial = ground.trial(2_500)
    ground.platform.sandbox.control.hold_webhooks()  # else status events settle the rows before the sweep does
    under_way(ground, trial, 300)
    held = ground.catch(SENDERS[0], trial)
    ground.kill(SENDERS[0])
    took = moved_again(ground, trial, held, time.monotonic(), 120)
    ground.platform.sandbox.control.release_webhooks()
    ground.settle(trial, processes=1)
    return took


@fault(
    "crash_after_accept",
    injects="kill -9 of both senders after the provider accepted and before our commit",
    holds="one accepted message each; the rows become unknown, and the provider's status events settle them",
    seconds=60,
)
def crash_after_accept(ground: Ground) -> float:
    """The provider accepts at once and answers late; nobody is there any more to hear it."""
    control = ground.platform.sandbox.control
    control.hold_webhooks()
    slow = control.add_fault("latency", operation="send", seconds=5)
    trial = ground.trial(2_000, per_second=None)
    wait_for("accepted, not recorded", 60, lambda: trial.accepted() >= 150)
    for name in SENDERS:
        ground.kill(name)
    began, held = time.monotonic(), trial.in_hand()
    struck = {int(each.reference) for each in trial.acceptances()} & {row for row, _ in held}
    if not struck:
        raise Broken("the crash came after the record: nothing was proven")
    control.remove_fault(slow)
    wait_for("the rows are unknown", 120, ground.alive(lambda: _states(struck) == {RecipientState.UNKNOWN}))
    took = time.monotonic() - began
    control.release_webhooks()
    ground.settle(trial, processes=2)
    left = _states(struck)
    if RecipientState.UNKNOWN in left or not left:
        raise Broken(f"status events did not settle accepted messages: {sorted(left)}")
    return took


def _has_children(ground: Ground, name: str) -> bool:
    try:
        return bool(ground.children(name))
    except Broken:
        return False


def _states(recipient_ids: set[int]) -> set[int]:
    return set(Recipient.objects.filter(pk__in=recipient_ids).values_list("state", flat=True))


@fault(
    "aborted_batch",
    injects="a batch of each sender aborted in the middle of its loop, by an exception while calls run and wait; its process lives",
    holds="nothing of it is sent later; its rows are settled and the others go on",
    seconds=60,
)
def aborted_batch(ground: Ground) -> float:
    """The batch ends before it could record what came back; the calls that waited behind the others are never made."""
    ground.end_senders()
    ground.start_senders("--include", "tests.faults.aborted_loop")
    wait_for("both senders have their children", 90, lambda: all(_has_children(ground, name) for name in SENDERS))
    control = ground.platform.sandbox.control
    slow = control.add_fault("latency", operation="send", seconds=4)
    trial = ground.trial(2_000, per_second=None)
    wait_for("calls run and wait", 60, lambda: trial.accepted() >= 200 and len(trial.in_hand()) >= 400)
    leases = trial.in_hand()
    began, wall, held = time.monotonic(), time.time(), {row for row, _ in leases}
    children = [child for name in SENDERS for child in ground.children(name)]
    for child in children:
        child.send_signal(ABORT)
    control.remove_fault(slow)
    took = moved_again(ground, trial, leases, began, 120)
    ground.settle(trial, processes=len(children))
    if not all(child.is_running() for child in children):
        raise Broken("a process ended: its batch was not aborted, it was killed")
    if not Recipient.objects.filter(pk__in=held, state=RecipientState.UNKNOWN).exists():
        raise Broken("every message in hand was sent: no batch was aborted")
    ground.end_senders()
    ground.start_senders()
    late = [each for each in trial.acceptances() if int(each.reference) in held and each.at > wall + 12]
    if late:
        raise Broken(f"{len(late)} messages of the aborted batches were sent {late[0].at - wall:.0f} s later")
    return took


@fault(
    "rolling_restart",
    injects="every process asked to end and started again, one after the other, again and again while a campaign runs: each several times a "
    "minute, and the next as soon as sending goes on, which is harsher than all of them every two minutes",
    holds="zero failures: nothing lost, nothing twice, nothing unknown, no process ends otherwise than asked",
    seconds=30,
)
def rolling_restart(ground: Ground) -> float:
    """Deployments one after the other, from the campaign's first messages to its last.

    With an interval of two minutes nearly all of the campaign would run undisturbed; here no moment of it is.
    """
    group = ground.platform.group
    trial = ground.trial(6_000, per_second=40)
    under_way(ground, trial, 200)
    slowest, restarts = 0.0, 0
    for name in itertools.cycle(ROLLED):
        process = group.running[name]
        if not process.alive:
            raise Broken(f"{name} ended by itself ({process.popen.returncode})")
        process.popen.terminate()
        wait_for(f"{name} ended", 60, lambda process=process: not process.alive)  # type: ignore[misc]
        if process.popen.returncode not in POLITE:
            raise Broken(f"{name} was asked to end and ended with {process.popen.returncode}")
        group.restart(name)
        restarts += 1
        slowest = max(slowest, ground.consuming_again(trial, time.monotonic(), 60))
        if trial.finished():
            break
    if restarts < 2 * len(ROLLED):
        raise Broken(f"only {restarts} restarts during the campaign: each process must have two")
    ground.settle(trial, seconds=240)
    ground.account += f"; {restarts} restarts"
    return slowest
