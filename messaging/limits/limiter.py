"""The fleet-wide limiter: seconds and minutes as GCRA, hours and days as rolling windows, pairs and portfolios as sets, all in Redis.

Hour and day counters are a copy of what the recipient rows say; after Redis lost them nothing is granted until `rebuild` has run.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, cast

import redis
from django.conf import settings
from redis.exceptions import RedisError

READY = "limits:ready"
HOUR_BUCKETS, HOUR_MS = 60, 3_600_000
DAY_BUCKETS, DAY_MS = 96, 86_400_000
BREAK_AFTER = 3  # calls that failed with none accepted in between; one cut line in a hundred is the internet's everyday
BREAK_SECONDS = (5.0, 10.0, 20.0, 40.0, 60.0)  # how long a sender rests after one, two, … bad chunks in a row


class LimiterUnavailable(Exception):
    """Redis did not answer, or lost its counters: claim nothing now."""


@dataclass(frozen=True, slots=True)
class SenderLimits:
    """A sender's present limits, messages per span; 0 means no limit."""

    sender_id: int
    per_second: int = 0
    per_minute: int = 0
    per_hour: int = 0
    per_day: int = 0

    @property
    def bounded(self) -> bool:
        """Whether any limit holds."""
        return bool(self.per_second or self.per_minute or self.per_hour or self.per_day)


@dataclass(frozen=True, slots=True)
class JobLimits:
    """A job's present limits; 0 means no limit."""

    job_id: int
    per_hour: int = 0
    per_day: int = 0


@dataclass(frozen=True, slots=True)
class Grant:
    """What was granted per sender; when nothing was, `wait` says in how many seconds to ask again."""

    senders: Mapping[int, int]
    wait: float

    @property
    def total(self) -> int:
        """Messages granted."""
        return sum(self.senders.values())


@dataclass(frozen=True, slots=True)
class Pairing:
    """People about to be written to by one sender. `gap` is in seconds, `portfolio_limit` distinct people per 24 hours."""

    sender_id: int
    people: Sequence[int]
    gap: int = 0
    portfolio: str = ""
    portfolio_limit: int = 0


@cache
def _client() -> "redis.Redis":
    """One connection pool per process, made on first use (after the fork)."""
    return redis.Redis.from_url(
        settings.LIMITER_URL,
        socket_timeout=2,
        socket_connect_timeout=2,
        health_check_interval=25,
        decode_responses=True,
    )


@cache
def _script(name: str) -> Any:
    folder = resources.files(__package__)
    shared = "" if name == "admit.lua" else folder.joinpath("spans.lua").read_text("utf-8")
    return _client().register_script(shared + folder.joinpath(name).read_text("utf-8"))


def forget_connections() -> None:
    """Drop this process's pool; called after a fork and between tests."""
    _client.cache_clear()
    _script.cache_clear()


def _run(name: str, keys: Sequence[str], arguments: Sequence[str | int]) -> list[Any]:
    try:
        return cast(list[Any], _script(name)(keys=keys, args=arguments))
    except RedisError as error:
        raise LimiterUnavailable(str(error)) from error


def _ask(job: JobLimits, senders: Sequence[SenderLimits], want: int, look_only: bool) -> Grant:
    arguments: list[str | int] = [want, job.job_id, job.per_hour, job.per_day, int(look_only)]
    for sender in senders:
        arguments += [sender.sender_id, sender.per_second, sender.per_minute, sender.per_hour, sender.per_day]
    ready, wait, *pairs = _run("take.lua", [READY], arguments)
    if not ready:
        raise LimiterUnavailable("the limiter's counters are being rebuilt")
    granted = {int(pairs[n]): int(pairs[n + 1]) for n in range(0, len(pairs), 2)}
    return Grant(granted, int(wait) / 1000)


def take(*, job: JobLimits, senders: Sequence[SenderLimits], want: int) -> Grant:
    """Take up to `want` tokens, shared between the senders. Raises `LimiterUnavailable`."""
    return _ask(job, senders, want, look_only=False)


def look_ahead(*, job: JobLimits, senders: Sequence[SenderLimits], want: int) -> Grant:
    """How many of `want` the limits would allow within the next 5 seconds; takes nothing."""
    return _ask(job, senders, want, look_only=True)


@dataclass(frozen=True, slots=True)
class Standing:
    """What one sender may still send. A free number of None means that this span has no limit; `used` ones are counted either way.

    `rests` are the seconds the breaker or the provider keeps it from sending; on `trial` it is given a few people at a time after that.
    `portfolio_people` are the distinct people its portfolio has written to in 24 hours.
    """

    sender_id: int
    rests: float
    trial: bool
    second_free: int | None
    minute_free: int | None
    hour_used: int
    hour_free: int | None
    day_used: int
    day_free: int | None
    portfolio_people: int


def standing(senders: Sequence[tuple[SenderLimits, str]]) -> dict[int, Standing]:
    """What each sender (its limits, its portfolio or "") may still send, in one round trip; takes nothing. Raises `LimiterUnavailable`."""
    if not senders:
        return {}
    arguments: list[str | int] = []
    for limits, portfolio in senders:
        arguments += [
            limits.sender_id,
            limits.per_second,
            limits.per_minute,
            limits.per_hour,
            limits.per_day,
            portfolio,
        ]
    ready, *answers = _run("standing.lua", [READY], arguments)
    if not ready:
        raise LimiterUnavailable("the limiter's counters are being rebuilt")
    found = {}
    for (limits, _portfolio), start in zip(senders, range(0, len(answers), 9), strict=True):
        rests, trial, second, minute, hour_used, hour, day_used, day, people = answers[start : start + 9]
        found[limits.sender_id] = Standing(
            sender_id=limits.sender_id,
            rests=rests / 1000,
            trial=bool(trial),
            second_free=None if second < 0 else second,
            minute_free=None if minute < 0 else minute,
            hour_used=hour_used,
            hour_free=None if hour < 0 else hour,
            day_used=day_used,
            day_free=None if day < 0 else day,
            portfolio_people=people,
        )
    return found


def give_back(*, job: JobLimits, senders: Mapping[int, SenderLimits], unused: Mapping[int, int]) -> None:
    """Return tokens of rows that were not sent after all. Best effort: a token lost here only makes us slower."""
    if sum(unused.values()) <= 0:
        return
    arguments: list[str | int] = [job.job_id, job.per_hour]
    for sender_id, number in unused.items():
        limits = senders[sender_id]
        arguments += [sender_id, number, limits.per_second, limits.per_minute]
    try:
        _run("give_back.lua", [], arguments)
    except LimiterUnavailable:
        return


def admit(pairings: Sequence[Pairing]) -> list[list[float]]:
    """Per pairing and person the seconds to wait before this sender may write again; 0.0 means now. Raises `LimiterUnavailable`."""
    if not any(pairing.gap or pairing.portfolio_limit for pairing in pairings):
        return [[0.0] * len(pairing.people) for pairing in pairings]
    arguments: list[str | int] = []
    for pairing in pairings:
        # The people travel as one argument: packing and parsing one each would cost more than the check itself.
        people = " ".join(map(str, pairing.people))
        arguments += [pairing.sender_id, people, pairing.gap * 1000, pairing.portfolio, pairing.portfolio_limit]
    return [[wait / 1000 for wait in waits] for waits in _run("admit.lua", [], arguments)]


def hold_sender(sender_id: int, seconds: float) -> None:
    """Nothing is granted to this sender, fleet-wide, for so long; a longer hold stands."""
    wanted = int(seconds * 1000)
    try:
        if cast(int, _client().pttl(f"hold:{sender_id}")) < wanted:
            _client().set(f"hold:{sender_id}", 1, px=max(1, wanted))
    except RedisError:
        return


def note_chunk(sender_id: int, *, accepted: int, broken: int) -> None:
    """The breaker: chunks that failed more than they were accepted, three calls or more in a row, make the sender rest, longer each time, and
    then be tried with a few people at a time until a chunk goes well."""
    try:
        if broken > accepted:
            failed = cast(int, _client().incrby(f"broken:{sender_id}", broken))
            _client().expire(f"broken:{sender_id}", 600)
            if failed < BREAK_AFTER:
                return
            strikes = cast(int, _client().incr(f"strikes:{sender_id}"))
            _client().expire(f"strikes:{sender_id}", 600)
            hold_sender(sender_id, BREAK_SECONDS[min(strikes, len(BREAK_SECONDS)) - 1])
        elif accepted:
            _client().delete(f"strikes:{sender_id}", f"broken:{sender_id}")
    except RedisError:
        return


def forgive_senders(sender_ids: Sequence[int]) -> None:
    """End the rest of these senders at once, as a person does who knows that the provider is back. Raises `LimiterUnavailable`."""
    try:
        _client().delete(*(f"{kind}:{sender_id}" for sender_id in sender_ids for kind in ("hold", "strikes", "broken")))
    except RedisError as error:
        raise LimiterUnavailable(str(error)) from error


def is_ready() -> bool:
    """Whether the counters can be trusted. Raises `LimiterUnavailable` when Redis is away."""
    try:
        return bool(_client().exists(READY))
    except RedisError as error:
        raise LimiterUnavailable(str(error)) from error


@dataclass(frozen=True, slots=True)
class PastSends:
    """So many messages of one sender for one job in one quarter of an hour (or one minute), at epoch milliseconds `at`."""

    sender_id: int
    job_id: int
    at: int
    number: int


def rebuild(past: Iterable[PastSends], people: Iterable[tuple[str, int, int]]) -> None:
    """Fill the hour and day counters, and the portfolios' people `(portfolio, person, epoch ms)`, from the recipient rows; then grant again."""
    now = int(time.time() * 1000)
    try:
        pipe = _client().pipeline(transaction=True)
        for key in _client().scan_iter("used:*", count=1000):
            pipe.delete(key)
        for sent in past:
            for scope, owner in (("used", sent.sender_id), ("used:job", sent.job_id)):
                if now - sent.at <= HOUR_MS + HOUR_MS // HOUR_BUCKETS:
                    pipe.hincrby(f"{scope}:h:{owner}", str(sent.at * HOUR_BUCKETS // HOUR_MS), sent.number)
                    pipe.pexpire(f"{scope}:h:{owner}", HOUR_MS * 2)
                pipe.hincrby(f"{scope}:d:{owner}", str(sent.at * DAY_BUCKETS // DAY_MS), sent.number)
                pipe.pexpire(f"{scope}:d:{owner}", DAY_MS * 2)
        for portfolio, person, at in people:
            pipe.zadd(f"people:{portfolio}", {str(person): at})
            pipe.pexpire(f"people:{portfolio}", DAY_MS + 60_000)
        pipe.set(READY, 1)
        pipe.execute()
    except RedisError as error:
        raise LimiterUnavailable(str(error)) from error
