"""What `make demo` shows: a campaign from a CSV file to delivered, a sender killed on the way, and the account of everybody."""

import contextlib
import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from agency.kit.actor import Actor
from campaigns.outreach.demo.platform import SENDERS, Platform
from campaigns.outreach.demo.records import (
    Stage,
    fresh_client,
    import_people,
    make_campaign,
    make_stage,
    people_file,
    point_sandbox_at,
)
from campaigns.outreach.models import Execution
from campaigns.outreach.operations.executions import start_campaign
from integrations.models import InboundEvent
from messaging.ledger import LedgerReport, compare_ledger
from messaging.models import Recipient
from messaging.selectors.totals import Funnel, funnel
from messaging.states import REACHED_STATES, JobState, RecipientState

PEOPLE = 20_000
MAX_UNKNOWN = 400
CAMPAIGN_SECONDS = 100
SETTLE_SECONDS = 20.0  # how long the last replies and statuses may take after the campaign has ended
ACTOR = Actor.system("demo")


@dataclass(frozen=True, slots=True)
class DemoResult:
    """How the demo ended."""

    report: LedgerReport
    funnel: Funnel
    campaign_seconds: float
    recovery_seconds: float  # 0: no sender was killed, or what it held never moved again
    finished: bool
    people: int

    @property
    def settled(self) -> int:
        """People who were sent to, skipped, failed or are unknown."""
        others = (RecipientState.SKIPPED, RecipientState.FAILED, RecipientState.UNKNOWN)
        return self.funnel.accepted + self.funnel.of(*others)

    @property
    def passed(self) -> bool:
        """Everybody was targeted and has a final state, the ledger and the log agree, few are unknown, and a killed sender's rows moved on."""
        whole = self.finished and self.funnel.targeted == self.settled == self.people
        agreed = self.report.agree and self.report.open_rows == 0 and self.report.unknown <= MAX_UNKNOWN
        return whole and agreed and self.recovery_seconds > 0


class Show:
    """Prints for a person: a bar on a terminal, plain lines elsewhere."""

    def __init__(self, console: Console, *, people: int = PEOPLE) -> None:
        self.console = console
        self.people = people

    def say(self, text: str) -> None:
        """One line."""
        self.console.print(text, highlight=False, soft_wrap=True)

    def run(self, platform: Platform, folder: Path) -> DemoResult:
        """Import, send, kill, account. Raises nothing of its own."""
        now = dt.datetime.now(dt.UTC)
        stage = make_stage(platform, fresh_client(now))
        point_sandbox_at(platform, stage)
        self.bring_in_people(stage, folder)
        execution = start_campaign(campaign_id=make_campaign(stage).pk, actor=ACTOR)
        self.say(f"Campaign started: {self.people:,} people, three numbers, about 500 messages a second together.")
        begun = time.monotonic()
        recovery = self.watch(platform, execution)
        seconds = time.monotonic() - begun
        finished = self.job_finished(execution)
        self.say(
            f"Campaign {'ended' if finished else 'NOT ended'} after {seconds:.0f} s. Waiting for the last statuses and replies …"
        )
        self.settle(platform)
        report = compare_ledger([execution.job_id], platform.sandbox.control.acceptances())
        return DemoResult(report, funnel([execution.job_id]), seconds, recovery, finished, self.people)

    def bring_in_people(self, stage: Stage, folder: Path) -> None:
        """Import them from a CSV file, as a person would."""
        begun = time.monotonic()
        done = import_people(stage.client, people_file(folder), self.people)
        self.say(
            f"Imported {done.rows:,} rows in {time.monotonic() - begun:.1f} s: {done.created:,} created, {done.merged:,} merged, "
            f"{done.rejected:,} rejected."
        )

    def watch(self, platform: Platform, execution: Execution) -> float:
        """Follow the campaign to its end; kill one sender with -9 at a third. Returns the seconds until its rows had moved again."""
        killed_at = 0.0
        recovered = 0.0
        victim = SENDERS[0]
        held: set[tuple[int, int | None]] = set()
        with self.bar() as show:
            deadline = time.monotonic() + CAMPAIGN_SECONDS
            while time.monotonic() < deadline and not self.job_finished(execution):
                counts = funnel([execution.job_id])
                show(counts)
                if not killed_at and counts.accepted >= self.people / 3:
                    platform.group.kill(victim)
                    killed_at = time.monotonic()
                    held = self.in_hand(execution)
                    self.say(
                        f"kill -9 of {victim}, on purpose, with up to {len(held)} messages in hand; "
                        "systemd would start it again, so do we."
                    )
                    platform.group.restart(victim)
                elif killed_at and not recovered and not held & self.in_hand(execution):
                    recovered = time.monotonic() - killed_at
                    self.say(
                        f"Recovered: every message the killed process held has moved on, {recovered:.0f} s after the kill."
                    )
                platform.group.revive()
                time.sleep(0.5)
            show(funnel([execution.job_id]))
        if killed_at and not recovered and not held & self.in_hand(execution):
            recovered = time.monotonic() - killed_at  # the last of them moved as the campaign ended
        return recovered

    def in_hand(self, execution: Execution) -> set[tuple[int, int | None]]:
        """The leases that stand now, as (recipient, lease): those of the killed process stand until the sweep has settled them."""
        rows = Recipient.objects.filter(job_id=execution.job_id, state=RecipientState.LEASED)
        return set(rows.values_list("pk", "lease"))

    def job_finished(self, execution: Execution) -> bool:
        """Whether every recipient is final."""
        execution.job.refresh_from_db(fields=["state"])
        return execution.job.state == JobState.FINISHED

    def settle(self, platform: Platform) -> None:
        """Wait until the sandbox has sent all its webhooks and we have applied them."""
        # A reply may be an hour away even at sixty-fold speed; what is not here by then is not waited for.
        with contextlib.suppress(TimeoutError):
            platform.sandbox.control.wait_until_quiet(SETTLE_SECONDS)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and waiting_events():
            time.sleep(0.3)

    def bar(self) -> "LiveBar":
        """The progress display that fits where we print to."""
        return LiveBar(self.console, self.people, self.say)

    def account(self, result: DemoResult) -> None:
        """The funnel and the verdict."""
        for line in account_lines(result):
            self.say(line)


class LiveBar:
    """A live bar on a terminal; a plain line every five seconds elsewhere."""

    def __init__(self, console: Console, total: int, say: Callable[[str], None]) -> None:
        self._console, self._total, self._say = console, total, say
        self._progress: Progress | None = None
        self._last = 0.0
        self._begun = time.monotonic()

    def __enter__(self) -> Callable[[Funnel], None]:
        if self._console.is_terminal:
            self._progress = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[funnel]}"),
                TimeElapsedColumn(),
                console=self._console,
            )
            self._task = self._progress.add_task("sending", total=self._total, funnel="")
            self._progress.start()
        return self.show

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(self, counts: Funnel) -> None:
        """Show where everybody is now."""
        done = counts.targeted - counts.of(RecipientState.PENDING, RecipientState.LEASED)
        delivered = counts.of(
            RecipientState.DELIVERED, RecipientState.READ, RecipientState.REPLIED, RecipientState.COMPLETED
        )
        text = f"accepted {counts.accepted:,} · delivered {delivered:,} · read {counts.of(RecipientState.READ, RecipientState.REPLIED):,}"
        if self._progress is not None:
            self._progress.update(self._task, completed=done, funnel=text)
        elif time.monotonic() - self._last >= 5:
            self._last = time.monotonic()
            self._say(f"{self._last - self._begun:5.0f} s  {done:>6,} of {self._total:,}  {text}")


def waiting_events() -> bool:
    """Whether a webhook was stored and not acted on yet."""
    return InboundEvent.objects.filter(state=0).exists()


def account_lines(result: DemoResult) -> list[str]:
    """Where everybody is, and whether it adds up."""
    counts = result.funnel
    lines = ["", f"Targeted  {counts.targeted:>7,}"]
    for state in (
        *REACHED_STATES,
        RecipientState.SKIPPED,
        RecipientState.FAILED,
        RecipientState.UNKNOWN,
        RecipientState.PENDING,
    ):
        number = counts.of(state)
        if not number:
            continue
        reasons = ", ".join(
            f"{reason.name.lower()} {count:,}" for reason, count in counts.by_reason(state).items() if reason
        )
        lines.append(f"  {state.name.lower():<10}{number:>7,}{f'   ({reasons})' if reasons else ''}")
    lines.append(
        f"targeted {counts.targeted:,} = sent {counts.accepted:,} + skipped {counts.of(RecipientState.SKIPPED):,} "
        f"+ failed {counts.of(RecipientState.FAILED):,} + unknown {counts.of(RecipientState.UNKNOWN):,}"
        + ("" if result.settled == counts.targeted else f"  DOES NOT ADD UP: {result.settled:,}")
    )
    lines.append(str(result.report))
    return lines
