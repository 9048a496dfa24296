"""Delivers webhooks the way providers do: at least once, in no order, again with backoff, in bounded memory."""

from __future__ import annotations

import asyncio
import ipaddress
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from integrations.errors import IntegrationError
from integrations.http import HttpClient

from .clock import Clock
from .complaints import complain
from .faults import FaultKind, Faults

MAX_WAITING = 100_000
CONNECTIONS_A_HOST = 32
SECONDS_BEFORE_DUPLICATE = 0.05
SHORTEST_RETRY_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class RetryRule:
    """When a provider tries again: provider seconds before each further attempt, and the answers that end it."""

    waits: tuple[float, ...]
    final_statuses: frozenset[int] = frozenset()
    only_without_answer: bool = False


Sign = Callable[[bytes], Mapping[str, str]]


@dataclass(slots=True, eq=False)
class Webhook:
    """One request to deliver.

    `url` is the address the customer configured, which is also what a signature over the URL covers; `sign` makes the
    headers anew for each attempt, since some signatures carry the time.
    """

    service: str
    sender: str
    url: str
    body: bytes
    content_type: str
    sign: Sign
    retry: RetryRule
    events: int = 1
    attempt: int = 0


@dataclass(slots=True)
class PostmanCounts:
    """What became of the webhooks so far."""

    delivered: int = 0
    events_delivered: int = 0
    failed_attempts: int = 0
    given_up: int = 0
    dropped: int = 0
    duplicated: int = 0
    last_problem: str = ""
    by_status: dict[str, int] = field(default_factory=dict)


class TooFar(Exception):
    """A webhook names a public host, and no `--webhooks-to` says where it really belongs."""


class Postman:
    """Delivers webhooks from a bounded queue, a few at a time for each host.

    `webhooks_to` sends everything to one address (scheme and host), whatever public host its URL names; the Host and
    X-Forwarded-Proto headers then say what a reverse proxy would say. Without it only near hosts are called: nothing of
    the sandbox leaves for the internet.
    """

    def __init__(self, clock: Clock, faults: Faults, webhooks_to: str = "") -> None:
        self.counts = PostmanCounts()
        self.webhooks_to = webhooks_to.rstrip("/")
        self.held = False
        self._clock = clock
        self._faults = faults
        self._waiting: deque[Webhook] = deque()
        self._idle: deque[asyncio.Future[None]] = deque()
        self._clients: dict[str, HttpClient] = {}
        self._workers: list[asyncio.Task[None]] = []
        self.in_flight = 0

    @property
    def waiting(self) -> int:
        """Webhooks in the queue, without those that wait for their next attempt."""
        return len(self._waiting)

    def start(self) -> None:
        """Start the workers; needs a running loop."""
        self._workers = [asyncio.create_task(self._work()) for _ in range(CONNECTIONS_A_HOST)]

    async def stop(self) -> None:
        """End the workers and close the connections."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        for client in self._clients.values():
            await client.aclose()

    def post(self, webhook: Webhook) -> None:
        """Queue one webhook; the oldest is dropped (and counted) when the queue is full."""
        self._enqueue(webhook)
        if self._faults.strike_webhook(FaultKind.DUPLICATE_WEBHOOKS, webhook.service, webhook.sender):
            self.counts.duplicated += 1
            self._clock.after(SECONDS_BEFORE_DUPLICATE, self._enqueue, webhook)

    def hold(self, held: bool) -> None:
        """Keep everything back, or let it go: for tests that need the webhook before or after something."""
        self.held = held
        if not held:
            self._wake(len(self._waiting))

    def clear(self) -> None:
        """Forget what waits, and the counts."""
        self._waiting.clear()
        self.counts = PostmanCounts()

    async def get(self, url: str) -> tuple[int, bytes]:
        """GET that address (for the handshake of a webhook subscription). Raises IntegrationError, TooFar."""
        client, path, headers = self._route(url)
        answer = await client.request("GET", path, headers=headers)
        return answer.status, answer.body

    def _enqueue(self, webhook: Webhook) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft()
            self.counts.dropped += 1
        self._waiting.append(webhook)
        if not self.held:
            self._wake(1)

    def _wake(self, number: int) -> None:
        while number and self._idle:
            future = self._idle.popleft()
            if not future.done():
                future.set_result(None)
                number -= 1

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while self.held or not self._waiting:
                future: asyncio.Future[None] = loop.create_future()
                self._idle.append(future)
                await future
            webhook = self._waiting.popleft()
            self.in_flight += 1
            try:
                await self._deliver(webhook)
            except Exception as error:
                self._note_problem(webhook, repr(error))
            finally:
                self.in_flight -= 1

    async def _deliver(self, webhook: Webhook) -> None:
        try:
            client, path, headers = self._route(webhook.url)
            headers.update(webhook.sign(webhook.body))
            headers["content-type"] = webhook.content_type
            answer = await client.request("POST", path, content=webhook.body, headers=headers)
        except IntegrationError as error:
            self._retry(webhook, None, str(error))
            return
        except TooFar as error:
            self._note_problem(webhook, str(error))
            self.counts.given_up += 1
            return
        status = str(answer.status)
        self.counts.by_status[status] = self.counts.by_status.get(status, 0) + 1
        if 200 <= answer.status < 300:
            self.counts.delivered += 1
            self.counts.events_delivered += webhook.events
        else:
            self._retry(webhook, answer.status, f"HTTP {status}: {answer.body[:200].decode('utf-8', 'replace')}")

    def _retry(self, webhook: Webhook, status: int | None, problem: str) -> None:
        self._note_problem(webhook, problem)
        rule = webhook.retry
        final = status is not None and (rule.only_without_answer or status in rule.final_statuses)
        if final or webhook.attempt >= len(rule.waits):
            self.counts.given_up += 1
            return
        wait = max(rule.waits[webhook.attempt] / self._clock.scale, SHORTEST_RETRY_SECONDS)
        webhook.attempt += 1
        self._clock.after(wait, self._enqueue, webhook)

    def _note_problem(self, webhook: Webhook, problem: str) -> None:
        self.counts.failed_attempts += 1
        self.counts.last_problem = f"{webhook.service} -> {webhook.url}: {problem}"
        if self.counts.failed_attempts == 1 or self.counts.failed_attempts % 1000 == 0:
            complain(f"webhook not taken: {self.counts.last_problem}")

    def _route(self, url: str) -> tuple[HttpClient, str, dict[str, str]]:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        headers: dict[str, str] = {}
        if self.webhooks_to and origin != self.webhooks_to:
            headers = {"host": parts.netloc, "x-forwarded-proto": parts.scheme}
            origin = self.webhooks_to
        elif not is_near(parts.hostname or ""):
            raise TooFar(f"{parts.hostname} is a public host; start the sandbox with --webhooks-to")
        client = self._clients.get(origin)
        if client is None:
            client = HttpClient(origin, service="sandbox", headers={}, timeout=30.0, max_connections=CONNECTIONS_A_HOST)
            self._clients[origin] = client
        path = parts.path or "/"
        return client, f"{path}?{parts.query}" if parts.query else path, headers


def is_near(host: str) -> bool:
    """Whether a host is this machine or a neighbour: a private address, or a name without a public domain."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".internal", ".local", ".test"))
