"""Sending one batch of a wave: claim → call → record, two chunks at a time, in one sender process."""

import logging
import os
import random
import time
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import connection

from agency.kit import metrics
from agency.kit.outages import is_outage, persistently
from integrations.capabilities.messages import Accepted, MessageChannel, OutboundMessage, Recovery, TemplateCall
from integrations.connections import facts_of
from integrations.errors import IntegrationError, NotConfigured, UnexpectedResponse
from integrations.facts import ConnectionFacts
from messaging.kit import fleet
from messaging.limits import limiter
from messaging.models import Sender, SendJob, Wave
from messaging.operations.addresses import restrict_sender, suppress_addresses
from messaging.operations.claiming import (
    LOST_GROUP,
    Chunk,
    Claimed,
    claim_chunk,
    release_rows,
    renew_leases,
    set_aside_rows,
)
from messaging.operations.recording import Reference, record_outcomes
from messaging.operations.waves import BatchStart, begin_batch, end_batch, touch_wave
from messaging.runners.loop import CallLoop, LoopStuck, call_loop
from messaging.runners.outcomes import Verdict, verdict_of
from messaging.selectors.limits import active_senders, allowances, job_limits
from messaging.selectors.plans import JobPlan, job_plan
from messaging.states import ChannelKind

logger = logging.getLogger(__name__)

BATCH_SECONDS = 4.0  # a batch gives its process back after so long; what it did not send stays pending
PATIENCE_SECONDS = 1.0  # no worker waits longer than this for allowance
RENEW_SECONDS = 10.0
TOUCH_SECONDS = 2.0  # how often a batch that waits for answers says that it lives
RELOAD_SECONDS = 1.0  # how old a sender's limits may be
CHUNKS_IN_HAND = 2


@dataclass(frozen=True, slots=True)
class Route:
    """One sender as the batch uses it."""

    sender: Sender
    facts: ConnectionFacts


@dataclass(slots=True)
class InHand:
    """A chunk whose calls are running."""

    chunk: Chunk
    answers: "Future[list[tuple[Claimed, Accepted | IntegrationError, datetime]]]"
    recoveries: Mapping[int, Recovery]
    routes: Mapping[int, Route]  # as they were when the rows were claimed


class Batch:
    """One run of `send_batch`. Holds at most two chunks; leaves nothing running when it ends, however it ends.

    While it is `careful`, or has rows that lost their process before (`suspects`; they come first), it sets rows aside before it looks at them
    and holds one chunk: should this process be lost too, no other row is taken for what did it.
    """

    def __init__(self, wave: Wave, count: int, loop: CallLoop, start: BatchStart) -> None:
        self.wave, self.count, self.loop = wave, count, loop
        self.careful, self.suspects = start.careful, start.suspects
        self.plan: JobPlan = job_plan(wave.job_id)
        self.routes: dict[int, Route] = {}
        self.chunk_size = min(settings.SEND_CONCURRENCY, 200)
        self.in_hand: deque[InHand] = deque()
        self.begun = time.monotonic()
        self.loaded = self.touched = 0.0
        self.renewed = self.begun  # earlier than any claim: no lease is older than the renewal after that
        self.handled = 0
        self.waited = 0.0
        self.exhausted = False

    def run(self) -> int:
        """Send until the batch's number is reached, nothing is due, allowance fails or time is up. Returns the rows handled."""
        try:
            while True:
                if len(self.in_hand) < CHUNKS_IN_HAND and self._wants_more():
                    if self._claim_or_stop():
                        continue
                    if not self.in_hand and self._wants_more():
                        continue
                if not self.in_hand:
                    break
                self._finish(self.in_hand.popleft())
        except BaseException:
            # The rows in hand keep their leases: the sweep decides about each by what its provider can tell.
            self.loop.abandon()
            raise
        if self.handled:
            fleet.note_batch(fleet.process_name(), self.handled, time.monotonic() - self.begun)
        return self.handled

    def _wants_more(self) -> bool:
        planned = self.handled + sum(len(held.chunk.rows) for held in self.in_hand)
        return not self.exhausted and planned < self.count and time.monotonic() - self.begun < BATCH_SECONDS

    def _reload(self) -> None:
        now = time.monotonic()
        if now - self.loaded > RELOAD_SECONDS:
            self.job = SendJob.objects.get(pk=self.wave.job_id)
            senders = list(active_senders(self.job))
            self.routes = routes_of(senders)
            self.limits = dict(allowances([route.sender for route in self.routes.values()], datetime.now(UTC).date()))
            self.job_limits = job_limits(self.job)
            self.loaded = now
        if now - self.touched > RELOAD_SECONDS:
            self._touch()

    def _touch(self) -> None:
        # Also when nothing more is claimed: what is in hand may take its time.
        open_still = persistently(partial(touch_wave, wave_id=self.wave.pk))
        self.exhausted = self.exhausted or not open_still
        self.touched = time.monotonic()

    def _stay(self, waiting: Sequence[InHand]) -> None:
        """The provider takes its time: keep the wave, and the rows that are waited for."""
        self._touch()
        if time.monotonic() - self.renewed > RENEW_SECONDS:
            persistently(partial(renew_leases, leases=[held.chunk.lease for held in waiting]))
            self.renewed = time.monotonic()

    def _claim_or_stop(self) -> bool:
        """`_claim`; when the database fails it, the batch claims no more and records what it has in hand."""
        try:
            return self._claim()
        except Exception as error:
            if not self.in_hand or not is_outage(error):
                raise
            logger.warning("the database was away while claiming", extra={"wave": self.wave.pk})
            self.exhausted = True
            connection.close()
            return False

    def _claim(self) -> bool:
        """Take tokens, claim rows, start their calls. Returns whether calls were started."""
        self._reload()
        if not self.routes or self.exhausted:
            self.exhausted = True
            return False
        if self.in_hand and (self.careful or self.suspects):
            return False
        planned = self.handled + sum(len(held.chunk.rows) for held in self.in_hand)
        want = min(LOST_GROUP if self.suspects else self.chunk_size, self.count - planned)
        try:
            grant = limiter.take(job=self.job_limits, senders=list(self.limits.values()), want=want)
        except limiter.LimiterUnavailable:
            self.exhausted = True  # finish what is in hand, claim no more
            return False
        if grant.total == 0:
            metrics.add("limiter_waits")
            self._wait(grant.wait)
            return False
        aside = None
        if self.careful or self.suspects:
            aside = set_aside_rows(job_id=self.plan.job_id, limit=grant.total, lost=self.suspects)
        chunk = claim_chunk(plan=self.plan, grants=grant.senders, now=datetime.now(UTC), aside=aside)
        limiter.give_back(job=self.job_limits, senders=self.limits, unused=chunk.unused)
        self.handled += chunk.looked_at - len(chunk.rows)
        if not chunk.job_running or (chunk.looked_at < grant.total and not self.suspects):
            self.exhausted = True
        self.suspects = self.suspects and chunk.looked_at > 0
        rows = self._admitted(chunk)
        if not rows:
            return False
        held = Chunk(chunk.lease, rows, chunk.looked_at, chunk.unused, chunk.job_running)
        recoveries: dict[int, Recovery] = {}
        routes = self.routes
        self.in_hand.append(InHand(held, self.loop.submit(self._call(rows, routes, recoveries)), recoveries, routes))
        return True

    def _admitted(self, chunk: Chunk) -> tuple[Claimed, ...]:
        """The rows whose person may be written to now; the others go back to pending with the time they have to wait."""
        if self.plan.channel is not ChannelKind.WHATSAPP or not chunk.rows:
            return chunk.rows
        people: dict[int, list[Claimed]] = defaultdict(list)
        for row in chunk.rows:
            people[row.sender_id].append(row)
        try:
            waits = limiter.admit([self._pairing(sender_id, rows) for sender_id, rows in people.items()])
        except limiter.LimiterUnavailable:
            self.exhausted = True
            waits = [[1.0] * len(rows) for rows in people.values()]
        if not any(map(any, waits)):
            return chunk.rows
        now = datetime.now(UTC)
        refused = {
            row.recipient_id: now + timedelta(seconds=wait)
            for rows, theirs in zip(people.values(), waits, strict=True)
            for row, wait in zip(rows, theirs, strict=True)
            if wait
        }
        # A person is kept waiting no longer than the gap by a pair; longer only by a full portfolio.
        crowded = {
            row.recipient_id
            for rows, theirs in zip(people.values(), waits, strict=True)
            for row, wait in zip(rows, theirs, strict=True)
            if wait > max(1, self.routes[row.sender_id].sender.pair_seconds)
        }
        persistently(partial(release_rows, plan=self.plan, lease=chunk.lease, waits=refused, crowded=crowded))
        unused = Counter(row.sender_id for row in chunk.rows if row.recipient_id in refused)
        limiter.give_back(job=self.job_limits, senders=self.limits, unused=unused)
        self.handled += len(refused)
        return tuple(row for row in chunk.rows if row.recipient_id not in refused)

    def _pairing(self, sender_id: int, rows: Sequence[Claimed]) -> limiter.Pairing:
        sender = self.routes[sender_id].sender
        return limiter.Pairing(
            sender_id=sender.pk,
            people=[row.contact_id for row in rows],
            gap=sender.pair_seconds,
            portfolio=sender.portfolio if sender.portfolio_per_day else "",
            portfolio_limit=sender.portfolio_per_day or 0,
        )

    def _wait(self, seconds: float) -> None:
        """Wait for allowance: by finishing what is in hand where there is something, else by sleeping, one second in all."""
        if self.in_hand:
            return
        pause = min(max(seconds, 0.01), PATIENCE_SECONDS - self.waited)
        if pause <= 0 or seconds > PATIENCE_SECONDS:
            self.exhausted = True
            return
        self.waited += pause
        time.sleep(pause)

    async def _call(
        self, rows: tuple[Claimed, ...], routes: Mapping[int, Route], recoveries: dict[int, Recovery]
    ) -> list[tuple[Claimed, Accepted | IntegrationError, datetime]]:
        """Hand every row to its provider, many at once."""
        channels: dict[int, MessageChannel | IntegrationError] = {}
        for sender_id in {row.sender_id for row in rows}:
            try:
                opened = await self.loop.channel(routes[sender_id].facts)
                channels[sender_id], recoveries[sender_id] = opened, opened.recovery
            except IntegrationError as error:
                channels[sender_id] = error
        return await self.loop.each(
            [
                partial(self._call_one, row, routes[row.sender_id].sender.address, channels[row.sender_id])
                for row in rows
            ]
        )

    async def _call_one(
        self, row: Claimed, sender: str, channel: MessageChannel | IntegrationError
    ) -> tuple[Claimed, Accepted | IntegrationError, datetime]:
        if isinstance(channel, IntegrationError):
            return row, channel, datetime.now(UTC)
        try:
            answer: Accepted | IntegrationError = await channel.send(self._message(row, sender))
        except IntegrationError as error:
            answer = error
        except Exception as error:  # a defect in a client must cost one row, not the batch; it may have been sent
            logger.exception("a client raised what it should not", extra={"recipient": row.recipient_id})
            answer = UnexpectedResponse("client", "send", type(error).__name__, str(error), accepted_possible=True)
        return row, answer, datetime.now(UTC)

    def _message(self, row: Claimed, sender: str) -> OutboundMessage:
        plan, rendered = self.plan, row.rendered
        template = None
        if plan.provider_template:
            template = TemplateCall(plan.provider_template, plan.provider_language, rendered.parameters)
        return OutboundMessage(
            reference=str(row.recipient_id),
            idempotency_key=f"{plan.key}:{row.recipient_id}",
            to=row.address,
            sender=sender,
            text=rendered.body,
            subject=rendered.subject,
            html=rendered.html,
            template=template,
            media_url=plan.media_url,
            unsubscribe_url=plan.unsubscribe_url(row.recipient_id) if plan.channel is ChannelKind.EMAIL else "",
        )

    def _finish(self, held: InHand) -> None:
        """Wait for a chunk's calls, renewing the leases meanwhile, and record what came of them."""
        while True:
            try:
                answers = held.answers.result(TOUCH_SECONDS)
                break
            except TimeoutError:
                # They came this very instant; or the timeout is the calls' own, and is raised again.
                if held.answers.done():
                    answers = held.answers.result()
                    break
                self._stay([held, *self.in_hand])
        chance = random.Random()
        verdicts = [
            (
                row,
                verdict_of(
                    row,
                    answer,
                    recovery=self._recovery(held, row),
                    at=at,
                    max_attempts=self.plan.max_attempts,
                    chance=chance,
                ),
            )
            for row, answer, at in answers
        ]
        references = [
            Reference(held.routes[row.sender_id].facts.id, verdict.outcome.provider_id, row.recipient_id)
            for row, verdict in verdicts
            if verdict.outcome.provider_id and held.recoveries.get(row.sender_id) is not Recovery.CALLBACK
        ]
        outcomes = [verdict.outcome for _, verdict in verdicts]
        # What was accepted must not be forgotten with a connection; the lease's token makes a repetition harmless.
        persistently(partial(record_outcomes, lease=held.chunk.lease, outcomes=outcomes, references=references))
        self.handled += len(verdicts)
        self._learn(verdicts)

    def _recovery(self, held: InHand, row: Claimed) -> Recovery:
        """What a lost answer may rely on. Each account keeps its own keys, so a job of several accounts cannot rely on them."""
        found = held.recoveries.get(row.sender_id, Recovery.NONE)
        return Recovery.NONE if found is Recovery.DEDUPE and not self.plan.one_account else found

    def _learn(self, verdicts: list[tuple[Claimed, Verdict]]) -> None:
        """What the answers say about senders and addresses."""
        accepted: Counter[int] = Counter()
        broken: Counter[int] = Counter()
        holds: dict[int, float] = defaultdict(float)
        stops: dict[int, str] = {}
        for row, verdict in verdicts:
            accepted[row.sender_id] += verdict.outcome.provider_id is not None
            broken[row.sender_id] += verdict.broken
            holds[row.sender_id] = max(holds[row.sender_id], verdict.hold_sender)
            if verdict.stop_sender:
                stops[row.sender_id] = verdict.stop_sender
        for sender_id, seconds in holds.items():
            if seconds:
                limiter.hold_sender(sender_id, seconds)
            limiter.note_chunk(sender_id, accepted=accepted[sender_id], broken=broken[sender_id])
        for sender_id, why in stops.items():
            persistently(partial(restrict_sender, sender_id=sender_id, why=why))
            self.loaded = 0.0
        dead = [(row.address, verdict.suppress) for row, verdict in verdicts if verdict.suppress]
        if dead:
            plan = self.plan
            persistently(partial(suppress_addresses, client_id=plan.client_id, channel=plan.channel, addresses=dead))


def routes_of(senders: Sequence[Sender]) -> dict[int, Route]:
    """The senders whose connection can be opened; one that cannot is stopped, and does not stop the others."""
    routes: dict[int, Route] = {}
    for sender in senders:
        try:
            routes[sender.pk] = Route(sender, facts_of(sender.connection))
        except NotConfigured as error:
            restrict_sender(sender_id=sender.pk, why=str(error))
    return routes


def send_batch(*, wave_id: int, number: int = 0, count: int) -> int:
    """Send up to `count` due recipients of the wave's job. Returns how many rows were handled; harmless when repeated."""
    start = begin_batch(wave_id=wave_id, number=number)
    if start is None:
        return 0
    try:
        handled = Batch(Wave.objects.get(pk=wave_id), count, call_loop(), start).run()
    except Exception:
        # Aborted, but the process lives; one that must end (LoopStuck) leaves its mark, as a killed one does.
        persistently(partial(end_batch, wave_id=wave_id, number=number))
        raise
    persistently(partial(end_batch, wave_id=wave_id, number=number))
    return handled


def send_guarded(*, wave_id: int, number: int, count: int) -> int:
    """`send_batch` for a chord part: an exception is logged and counts as nothing sent; a stuck loop ends the process."""
    try:
        return send_batch(wave_id=wave_id, number=number, count=count)
    except LoopStuck:
        logger.critical("calls survived their cancellation; this process exits", extra={"wave": wave_id})
        os._exit(70)
    except Exception:
        logger.exception("batch aborted; its rows are settled by the sweep", extra={"wave": wave_id})
        return 0
