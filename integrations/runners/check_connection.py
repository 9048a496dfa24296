"""Testing connections: facts, one cheap call each outside any transaction, many at once, and the results recorded."""

import asyncio
import contextlib
import inspect
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from agency.kit.actor import Actor
from integrations.calling.calls import refuse_inside_transaction
from integrations.connections import facts_of
from integrations.errors import IntegrationError, NotConfigured, TemporaryFailure
from integrations.facts import ConnectionFacts
from integrations.health import Health, HealthState, advice
from integrations.models import Connection
from integrations.operations.health import record_health
from integrations.registry import manifest_of, service_module
from integrations.selectors.grants import credential_fault

logger = logging.getLogger(__name__)

SECONDS = 45.0  # for one that a person waits for
EACH_SECONDS = 5.0  # for each of all
AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Checked:
    """One connection's result; `latency_ms` is None where the service was not called."""

    connection: Connection
    health: Health
    latency_ms: int | None


_hanging: dict[int, threading.Thread] = {}  # by connection: health checks of blocking SDKs that outlived their time


def check_connection(*, actor: Actor, connection_id: int, seconds: float = SECONDS) -> Health:
    """Test one connection and keep the result. The caller has no transaction open and no event loop running."""
    refuse_inside_transaction()
    connection = Connection.objects.get(pk=connection_id)
    return check_connections(actor=actor, connections=[connection], seconds=seconds)[0].health


def check_connections(
    *, actor: Actor, connections: Sequence[Connection], seconds: float = EACH_SECONDS
) -> list[Checked]:
    """Test these connections at the same time, `seconds` for each, and keep the results. One that breaks harms no other.

    The caller has no transaction open and no event loop running.
    """
    refuse_inside_transaction()
    prepared = [_prepared(connection) for connection in connections]
    checked = _finished(_all(prepared, seconds))
    for each in checked:
        record_health(actor=actor, connection_id=each.connection.pk, health=each.health, latency_ms=each.latency_ms)
    return checked


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What a check needs, read before the event loop runs; `fault` where the service need not be called."""

    connection: Connection
    facts: ConnectionFacts | None
    check: Callable[[ConnectionFacts], object] | None
    fault: Health | None


def _prepared(connection: Connection) -> _Prepared:
    fault = credential_fault(connection, timezone.now())
    if fault is not None:
        return _Prepared(connection, None, None, fault)
    try:
        facts = facts_of(connection)
        missing = manifest_of(connection.service).missing(facts.settings, facts.secrets)
        if missing:
            raise NotConfigured(connection.service, "health", "setting_missing", f"empty: {', '.join(missing)}")
        module = service_module(connection.service, "health")
    except NotConfigured as error:
        return _Prepared(connection, None, None, advice(error))
    return _Prepared(connection, facts, module.check, None)


def _finished(checks: Coroutine[Any, Any, list[Checked]]) -> list[Checked]:
    """Run the checks. `asyncio.run` would wait at its end for threads in which an SDK hangs; this does not."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(checks)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _all(prepared: Sequence[_Prepared], seconds: float) -> list[Checked]:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(each: _Prepared) -> Checked:
        if each.facts is None or each.check is None:
            return Checked(each.connection, each.fault or Health(HealthState.FAILED), None)
        async with turns:
            began = time.monotonic()
            health = await _measured(each.connection, each.facts, each.check, seconds)
            return Checked(each.connection, health, round((time.monotonic() - began) * 1_000))

    return list(await asyncio.gather(*map(one, prepared)))


async def _measured(
    connection: Connection, facts: ConnectionFacts, check: Callable[[ConnectionFacts], object], seconds: float
) -> Health:
    """The result of one check, whatever it does; a blocking one runs in a thread of its own."""
    try:
        async with asyncio.timeout(seconds):
            found = await (check(facts) if inspect.iscoroutinefunction(check) else _in_thread(connection, facts, check))
    except TimeoutError:
        return advice(_silent(connection, "timeout", f"no answer in {seconds:.0f} seconds"))
    except IntegrationError as error:
        return advice(error)
    except Exception as error:  # a mistake in one service's check must not stop the others
        logger.exception("health check failed", extra={"service": connection.service, "connection": connection.pk})
        return advice(IntegrationError(connection.service, "health", type(error).__name__, "the check itself broke"))
    return found


async def _in_thread(
    connection: Connection, facts: ConnectionFacts, check: Callable[[ConnectionFacts], object]
) -> Health:
    """A blocking check's result. Its thread is a daemon: one that hangs keeps no process from ending, and is not started twice."""
    if (earlier := _hanging.get(connection.pk)) is not None and earlier.is_alive():
        raise _silent(connection, "hanging", "the check before this one still waits for an answer")
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Health] = loop.create_future()

    def work() -> None:
        try:
            found, error = check(facts), None
        except Exception as raised:
            found, error = None, raised
        with contextlib.suppress(RuntimeError):  # nobody waits any more, and the loop is closed
            loop.call_soon_threadsafe(_settle, answer, found, error)

    thread = threading.Thread(target=work, daemon=True, name=f"health-{connection.service}-{connection.pk}")
    _hanging[connection.pk] = thread
    thread.start()
    return await answer


def _settle(answer: "asyncio.Future[Health]", found: object, error: Exception | None) -> None:
    if answer.done():
        return
    if error is not None:
        answer.set_exception(error)
    elif isinstance(found, Health):
        answer.set_result(found)
    else:
        answer.set_exception(TypeError("a health check returns Health"))


def _silent(connection: Connection, code: str, text: str) -> TemporaryFailure:
    return TemporaryFailure(connection.service, "health", code, text, accepted_possible=False)
