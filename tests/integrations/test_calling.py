"""The layer between our clients and the services: what is repeated, when a service rests, what is counted and noted."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType

import pytest
from django.db import transaction

from integrations import registry
from integrations.calling import calls, gate, ledger
from integrations.calling.calls import Calls
from integrations.calling.gate import Gate, bucket
from integrations.calling.ledger import calling_for, write_out
from integrations.calling.policy import CallPolicy, Effect, Operation, Quota, Span, Unit
from integrations.errors import (
    AuthenticationFailed,
    IntegrationError,
    RateLimited,
    Refused,
    TemporaryFailure,
    UnexpectedResponse,
)
from integrations.facts import ConnectionFacts
from integrations.manifest import Cost
from integrations.models import ApiCall
from integrations.states import CallOutcome

READ = Operation("look", Effect.READS)
SET = Operation("put", Effect.SETS)
CREATE = Operation("post", Effect.CREATES, unit="message")
QUICK = CallPolicy(first_wait=0.01, longest_wait=0.02, timeout=5.0)
MAYBE = TemporaryFailure("slow", "x", "timeout", accepted_possible=True)
SURELY_NOT = TemporaryFailure("slow", "x", "connect", accepted_possible=False)


@pytest.fixture(autouse=True)
def fresh_gate() -> Iterator[None]:
    """No state from another test, in Redis or in memory."""
    gate.forget_connections()
    for key in gate._client().scan_iter("calls:slow:*"):
        gate._client().delete(key)
    ledger._entries.clear()
    yield
    gate.forget_connections()
    ledger._entries.clear()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Callable[[CallPolicy], Calls]:
    """A service named `slow` under a given policy."""
    real = registry.manifest_of("resend")

    def made(policy: CallPolicy = QUICK) -> Calls:
        manifest = replace(
            real,
            slug="slow",
            operations=(READ, SET, CREATE),
            policy=policy,
            costs=(Cost("message", "0.25", "USD"), Cost("token", "3", "USD", per=1_000_000)),
        )
        monkeypatch.setattr(registry, "manifests", lambda: MappingProxyType({"slow": manifest}))
        return Calls(ConnectionFacts(id=7, service="slow", key="k"), lambda operation, error: None)

    return made


class Script:
    """Answers with each of the given things in turn: raises errors, returns the rest."""

    def __init__(self, *things: object) -> None:
        self.things = list(things)
        self.asked = 0

    def __call__(self, seconds: float) -> object:
        assert 0 < seconds <= QUICK.timeout
        self.asked += 1
        thing = self.things.pop(0)
        if isinstance(thing, Exception):
            raise thing
        return thing


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("operation", "error", "asked"),
    [
        (READ, MAYBE, 3),
        (SET, MAYBE, 3),
        (CREATE, MAYBE, 1),
        (CREATE, SURELY_NOT, 3),
        (READ, RateLimited("slow", "x", retry_after=0.01), 3),
        (READ, RateLimited("slow", "x", retry_after=60), 1),
        (CREATE, RateLimited("slow", "x", retry_after=0.01, accepted_possible=True), 1),
        (READ, Refused("slow", "x"), 1),
        (READ, AuthenticationFailed("slow", "x"), 1),
        (READ, UnexpectedResponse("slow", "x"), 1),
    ],
)
def test_only_what_is_safe_and_useful_is_repeated(
    service: Callable[..., Calls], operation: Operation, error: IntegrationError, asked: int
) -> None:
    script = Script(error, error, error, "never reached")
    with pytest.raises(type(error)) as raised:
        service().run(operation.name, script)
    assert raised.value.code == error.code
    assert script.asked == asked


@pytest.mark.django_db
def test_a_call_that_succeeds_later_is_one_row_with_its_attempts_cost_and_purpose(
    service: Callable[..., Calls],
) -> None:
    with calling_for("A08"):
        assert service().run("post", Script(SURELY_NOT, "done")) == "done"
        answer = service().run("look", Script("text"), used=lambda text: {"token": 2_000_000 if text else 0})
    assert answer == "text"
    write_out()
    rows = list(
        ApiCall.objects.order_by("id").values_list("operation", "outcome", "attempts", "units", "cost", "purpose")
    )
    assert rows == [
        ("post", CallOutcome.OK, 2, 1, Decimal("0.25"), "A08"),
        ("look", CallOutcome.OK, 1, 2_000_000, Decimal("6"), "A08"),
    ]


@pytest.mark.django_db
def test_the_outcome_of_each_error_is_in_the_ledger(service: Callable[..., Calls]) -> None:
    errors = {
        MAYBE: CallOutcome.UNKNOWN,
        SURELY_NOT: CallOutcome.FAILED,
        Refused("slow", "x", "bad"): CallOutcome.REFUSED,
        AuthenticationFailed("slow", "x"): CallOutcome.UNUSABLE,
        UnexpectedResponse("slow", "x"): CallOutcome.UNEXPECTED,
        RateLimited("slow", "x", retry_after=9): CallOutcome.RATE_LIMITED,
    }
    once = replace(QUICK, attempts=1, breaker_failures=100)
    for error in errors:
        with pytest.raises(type(error)):
            service(once).run("post", Script(error))
    with pytest.raises(RateLimited, match="paused"):
        service(once).run("post", Script("never"))
    write_out()
    assert list(ApiCall.objects.order_by("id").values_list("outcome", flat=True)) == [
        *errors.values(),
        CallOutcome.NOT_ASKED,
    ]


@pytest.mark.django_db(transaction=True)
def test_no_service_is_called_inside_a_transaction(service: Callable[..., Calls]) -> None:
    script = Script("never")
    with transaction.atomic(), pytest.raises(RuntimeError, match="inside a database transaction"):
        service().run("look", script)
    assert script.asked == 0


@pytest.mark.django_db
def test_a_defect_of_ours_is_not_dressed_up_as_a_failure_of_the_service(service: Callable[..., Calls]) -> None:
    with pytest.raises(KeyError):
        service().run("look", Script(KeyError("typo")))


@pytest.mark.django_db
def test_the_breaker_opens_after_five_failures_in_a_row_and_lets_one_probe_through(
    service: Callable[..., Calls],
) -> None:
    policy = replace(QUICK, attempts=1, breaker_rest=0.3)
    made = service(policy)
    for _number in range(4):
        with pytest.raises(TemporaryFailure, match="timeout"):
            made.run("look", Script(MAYBE))
    made.run("look", Script("well"))  # in a row means in a row
    for _number in range(5):
        with pytest.raises(TemporaryFailure, match="timeout"):
            made.run("look", Script(MAYBE))
    gate._memories.clear()  # as another process sees it
    untouched = Script("never")
    with pytest.raises(TemporaryFailure, match="breaker_open") as refused:
        made.run("look", untouched)
    assert not refused.value.accepted_possible
    assert untouched.asked == 0

    state, probe = "calls:slow:7:state", "calls:slow:7:probe"
    gate._client().hincrby(state, "opened", -400)  # its rest is over
    asked: list[str] = []
    inside, go_on = threading.Barrier(6), threading.Event()

    def probing(seconds: float) -> str:
        asked.append("asked")
        go_on.wait(5)
        return "well"

    def caller() -> None:
        inside.wait(5)
        try:
            made.gate.admit(READ)
        except TemporaryFailure:
            return
        probing(1)
        made.gate.well()

    threads = [threading.Thread(target=caller) for _number in range(5)]
    for thread in threads:
        thread.start()
    inside.wait(5)
    for thread in threads:
        thread.join(0.2)
    go_on.set()
    for thread in threads:
        thread.join(5)
    assert asked == ["asked"]
    assert not gate._client().exists(state, probe)
    made.run("look", Script("well again"))


@pytest.mark.django_db
def test_a_failed_probe_opens_the_breaker_again(service: Callable[..., Calls]) -> None:
    made = service(replace(QUICK, attempts=1, breaker_failures=2, breaker_rest=30))
    for _number in range(2):
        with pytest.raises(TemporaryFailure):
            made.run("look", Script(MAYBE))
    gate._client().hincrby("calls:slow:7:state", "opened", -31_000)
    with pytest.raises(TemporaryFailure, match="timeout"):
        made.run("look", Script(MAYBE))
    with pytest.raises(TemporaryFailure, match="breaker_open"):
        made.run("look", Script("never"))


@pytest.mark.django_db
def test_quotas_count_calls_weight_and_tokens_and_say_how_long_to_wait(service: Callable[..., Calls]) -> None:
    heavy = Operation("heavy", Effect.READS, weight=40)
    quotas = (Quota(Span.DAY, 100, Unit.WEIGHT), Quota(Span.MONTH, 1_000, Unit.TOKENS))
    made = Gate("slow", 7, replace(QUICK, quotas=quotas))
    made.admit(heavy, tokens=400)
    made.admit(heavy, tokens=400)
    with pytest.raises(RateLimited, match="quota_day") as refused:
        made.admit(heavy, tokens=1)
    assert 0 < refused.value.retry_after <= 86_400
    made.admit(replace(heavy, weight=1), tokens=200)
    with pytest.raises(RateLimited, match="quota_month"):
        made.admit(replace(heavy, weight=1), tokens=1)


@pytest.mark.django_db
def test_the_providers_own_remainder_is_believed_above_our_count(service: Callable[..., Calls]) -> None:
    made = Gate("slow", 7, replace(QUICK, quotas=(Quota(Span.MINUTE, 1_000),)))
    made.heard_left(Span.MINUTE, 2, resets_in=20)
    made.admit(READ)
    made.admit(READ)
    with pytest.raises(RateLimited, match="quota_minute") as refused:
        made.admit(READ)
    assert 19 <= refused.value.retry_after <= 20


@pytest.mark.django_db
def test_a_sliding_window_never_grants_twice_the_quota_at_its_border(
    service: Callable[..., Calls], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Gate("slow", 7, replace(QUICK, quotas=(Quota(Span.MINUTE, 10),)))
    monkeypatch.setattr("time.time", lambda: 1_800_000_059.0 - 1_800_000_059.0 % 60 + 59)
    for _number in range(10):
        made.admit(READ)
    monkeypatch.setattr("time.time", lambda: 1_800_000_059.0 - 1_800_000_059.0 % 60 + 90)
    granted = 0
    with pytest.raises(RateLimited, match="quota_minute"):
        while True:
            made.admit(READ)
            granted += 1
    assert granted == 5  # half of the minute before still weighs


def test_a_month_is_the_calendars() -> None:
    assert bucket(Span.MONTH, 1_798_761_600.0 - 1) == ("2026-12", "", 2_678_399.0, 2_678_400.0)


@pytest.mark.django_db
def test_without_redis_calls_go_on_and_the_breaker_works_in_this_process(
    service: Callable[..., Calls], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.conf.settings.LIMITER_URL", "redis://127.0.0.1:1/0")
    gate.forget_connections()
    made = service(replace(QUICK, attempts=1, breaker_failures=2))
    assert made.run("look", Script("well")) == "well"
    for _number in range(2):
        with pytest.raises(TemporaryFailure, match="timeout"):
            made.run("look", Script(MAYBE))
    with pytest.raises(TemporaryFailure, match="breaker_open"):
        made.run("look", Script("never"))


@pytest.mark.django_db
def test_a_well_connection_without_quotas_asks_redis_once_a_second(
    service: Callable[..., Calls], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = service()
    asked: list[str] = []
    real = gate._script

    def watched(name: str) -> object:
        asked.append(name)
        return real(name)

    with monkeypatch.context() as watching:
        watching.setattr(gate, "_script", watched)
        for _number in range(50):
            made.run("look", Script("well"))
    assert asked == ["admit.lua"]


@pytest.mark.django_db
def test_one_slow_service_does_not_take_every_thread(service: Callable[..., Calls]) -> None:
    made = service(replace(QUICK, attempts=1, concurrent=1, timeout=0.6))
    calls._bulkheads.pop("slow", None)
    with (
        calls._Place("slow", READ, made.policy, 1),
        pytest.raises(TemporaryFailure, match="bulkhead_full"),
    ):
        made.run("look", Script("never"))
    calls._bulkheads.pop("slow", None)
