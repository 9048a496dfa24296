"""What every row stands on: the running platform, its two servers, and trials (a client with people and a job) made on it."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil
import redis
from django.conf import settings
from django.db import connection

from agency.embedded.server import Answer, PrivateServer
from agency.processes import beat_command, worker_command
from campaigns.outreach.demo.platform import (
    SENDERS,
    WORKER_QUEUES,
    Platform,
    PlatformNotReady,
    call_canaries,
    forget_messages,
    wait_until_ready,
)
from integrations.models import InboundEvent
from messaging.states import JobState
from tests.faults.table import Broken
from tests.faults.trial import Trial, make_trial
from tests.faults.waiting import leave_database, wait_for

# Nobody answers and everybody reads quickly, so that a row does not wait for the people of the one before it.
QUICK = {"replied": 0.0, "stopped": 0.0, "clicked": 0.0, "complained": 0.0, "read_median": 12.0, "failed": 0.02}


IN_HAND = 200  # calls that may still be answered after a fault, at the rates of these trials
READY_ATTEMPTS = 3
HELD_SECONDS = 1.5  # longer than a call and its record take


@dataclass
class Ground:
    """The stage of all rows. `seed` is that of the random mix; `account` is the last row's own words about its ledger."""

    platform: Platform
    postgres: PrivateServer
    valkey: PrivateServer
    seed: int
    short: bool
    account: str = ""
    trials: list[Trial] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)

    # Before and after a row

    def begin(self) -> None:
        """A row begins: no faults, quick people."""
        self.account, self.trials = "no ledger", []
        control = self.platform.sandbox.control
        control.clear_faults()
        control.change_shares(**QUICK)

    def restore(self) -> None:
        """Undo whatever the row did: servers up, faults off, every process of the platform alive and consuming, no job open."""
        self.raise_servers()
        leave_database()
        control = self.platform.sandbox.control
        control.clear_faults()
        control.release_webhooks()
        for name in self.extra:
            self.end(name)
        self.extra.clear()
        self.complete()
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE messaging_sendjob SET state = %s, next_wave_at = NULL WHERE state IN (0, 1, 2)",
                [JobState.CANCELLED],
            )
        with redis.Redis.from_url(settings.CACHES["default"]["LOCATION"]) as cache:
            cache.flushdb()
        wait_for("the broker takes canaries", 60, self._called)
        for attempt in range(READY_ATTEMPTS):
            self.platform.group.revive()
            try:
                wait_until_ready(self.platform.group, self.platform.url)
                return
            except (
                PlatformNotReady
            ):  # a process that ended after all, from what the row did: started again, as by systemd
                if attempt == READY_ATTEMPTS - 1:
                    raise

    def complete(self) -> None:
        """Start again what a row ended and, because it failed, did not start again; and what has ended by itself."""
        running = self.platform.group.running
        self.platform.group.revive()
        if "worker" not in running:
            self.start_worker()
        for name in SENDERS:
            if name not in running:
                self.platform.group.start(name, worker_command(name, ("send",), 1))
        if "beat-1" not in running:
            self.platform.group.start("beat-1", beat_command())

    def _called(self) -> bool:
        call_canaries()
        return True

    # Trials

    def trial(self, people: int, *, per_second: int | None = 150, numbers: int = 3, start: bool = True) -> Trial:
        """A client of its own with so many people, numbers of its own at the sandbox, and a job; started unless said otherwise."""
        trial = make_trial(self.platform, people=people, per_second=per_second, numbers=numbers)
        self.trials.append(trial)
        if start:
            trial.start()
        return trial

    def settle(self, trial: Trial, *, seconds: float = 150.0, unknown: int = 0, processes: int = 0) -> None:
        """Wait until the job is final and every status was applied, then compare exactly. Raises Broken.

        `unknown`: how many rows may be unknown beside the 400 of each killed process.
        """
        wait_for(f"job {trial.job_id} final", seconds, self.alive(trial.finished))
        self.quiet()
        self.account = trial.account(unknown=unknown + 400 * processes)

    def quiet(self) -> None:
        """Wait until the sandbox has delivered every webhook, and all of them were acted on."""
        wait_for("webhooks delivered", 90, self.alive(lambda: self.platform.sandbox.control.webhook_state().at_rest))
        wait_for("webhooks applied", 60, self.alive(lambda: not InboundEvent.objects.filter(state=0).exists()))

    def alive(self, reached: Callable[[], bool]) -> Callable[[], bool]:
        """The same question, starting again first what has ended by itself, as systemd does."""

        def asked() -> bool:
            self.platform.group.revive()
            return reached()

        return asked

    # Processes

    def kill(self, name: str) -> None:
        """kill -9 of a process and its children."""
        self.platform.group.kill(name)

    def children(self, name: str) -> list[psutil.Process]:
        """The pool children of a worker. Raises Broken when there is none."""
        parent = psutil.Process(self.platform.group.running[name].popen.pid)
        children = [child for child in parent.children() if "resource_tracker" not in " ".join(child.cmdline())]
        if not children:
            raise Broken(f"{name} has no pool child")
        return children

    def kill_child(self, name: str) -> int:
        """kill -9 of the pool children of a worker; the worker itself lives. Returns how many."""
        children = self.children(name)
        for child in children:
            child.kill()
        return len(children)

    def catch(self, name: str, trial: Trial) -> set[tuple[int, int | None]]:
        """Stop a sender's children at a moment when they have rows in hand; returns those leases. Raises Broken.

        Whose a lease is the rows do not say: those that stand still while this sender stands still are its own.
        """
        for _ in range(20):
            children = self.children(name)
            for child in children:
                child.suspend()
            held, ends = trial.in_hand(), time.monotonic() + HELD_SECONDS
            wait_for("the others' rows moved", 10, lambda ends=ends: time.monotonic() >= ends)  # type: ignore[misc]
            standing = held & trial.in_hand()
            if standing:
                return standing
            for child in children:
                child.resume()
            if trial.finished():
                break
        raise Broken(f"{name} never had a row in hand")

    def start(self, name: str, command: tuple[str, ...]) -> None:
        """Start a process that only this row needs; it is ended with the row."""
        self.extra.append(name)
        self.platform.group.start(name, command)

    def end(self, name: str) -> None:
        """Ask a process to end, and wait until it has."""
        process = self.platform.group.running.pop(name, None)
        if process is not None and process.alive:
            process.popen.terminate()
            wait_for(f"{name} ended", 60, lambda: not process.alive)

    def end_senders(self) -> None:
        """End every sender politely, so that messages stay in their queue."""
        for name in SENDERS:
            self.end(name)

    def start_senders(self, *more: str) -> None:
        """Start the senders again, with more command line where a row needs it."""
        for name in SENDERS:
            self.platform.group.start(name, (*worker_command(name, ("send",), 1), *more))

    def start_worker(self, *more: str) -> None:
        """Start the worker of all other queues, with more command line where a row needs it."""
        self.platform.group.start("worker", (*worker_command("worker", WORKER_QUEUES, 2), *more))

    # Servers

    def stop_server(self, server: PrivateServer) -> None:
        """Stop one of our own servers, as an administrator would."""
        with server.home.lock():
            server.stop()

    def crash_server(self, server: PrivateServer) -> None:
        """kill -9 of one of our own servers."""
        os.kill(self.server_pid(server), signal.SIGKILL)
        wait_for(f"{server.name} gone", 20, lambda: not isinstance(server.ask(), Answer))

    def start_server(self, server: PrivateServer) -> None:
        """Start it again, at the same address."""
        with server.home.lock():
            server.ensure()

    def raise_servers(self) -> None:
        """Both servers run and answer."""
        for server in (self.postgres, self.valkey):
            record = server.recorded()
            if record is not None:
                os.kill(record.pid, signal.SIGCONT)
            self.start_server(server)
        with self.redis() as client:
            client.config_set("maxmemory", "0")

    def server_pid(self, server: PrivateServer) -> int:
        """The process id of one of our own servers. Raises Broken when it does not run."""
        record = server.recorded()
        if record is None:
            raise Broken(f"{server.name} does not run")
        return record.pid

    def redis(self) -> "redis.Redis":
        """A client of the broker's database."""
        return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=10, decode_responses=True)

    def terminate_connections(self) -> int:
        """End every connection of the platform to its database. Returns how many."""
        leave_database()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            (number,) = cursor.fetchone()
        return int(number)

    def forget_messages(self) -> None:
        """Empty the queues."""
        forget_messages()

    def consuming_again(self, trial: Trial, since: float, seconds: float) -> float:
        """Wait until the provider accepts more than was in hand anyway, or all is done; returns the seconds since `since` (monotonic)."""
        goal = trial.accepted() + IN_HAND
        wait_for("sending goes on", seconds, self.alive(lambda: trial.accepted() > goal or trial.finished()))
        return time.monotonic() - since
