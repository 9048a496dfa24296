"""What a service's tests consist of: for each operation a call, what it must bring, and which fields its answer cannot do without."""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.calling.policy import Operation
from integrations.errors import IntegrationError
from integrations.facts import ConnectionFacts
from integrations.registry import manifest_of, service_module
from integrations.sandbox.control import SandboxControl
from integrations.sandbox.runner import RunningSandbox


@dataclass(frozen=True, slots=True)
class Case:
    """One operation, tried.

    `call` gets the client and may be a coroutine function; `check` gets its result and asserts. `required` are the fields of the
    answer, as `drop_field` names them (`data[].id`), without which a typed error must come; `nothing_required` says why there are none.
    `wire` is what the sandbox calls the request, where that is another word; `prepare` puts into the sandbox what the call needs.
    `writes` is how often the sandbox must have recorded it: by default once for whatever does not only read.
    `module` is the file whose `build` makes the client: a service that carries messages has its channel in `client`, the rest in `account`.
    `repeated_by_caller`: the client makes one attempt, and whoever called it (the send engine) decides about another.
    """

    operation: str
    call: Callable[[Any], Any]
    check: Callable[[Any], None]
    required: tuple[str, ...] = ()
    nothing_required: str = ""
    wire: str = ""
    prepare: Callable[[SandboxControl], object] | None = None
    writes: int | None = None
    module: str = "client"
    repeated_by_caller: bool = False
    is_live: bool = False  # may run against the real service with real keys: reads, or leaves nothing behind

    @property
    def wire_operation(self) -> str:
        """The sandbox's name of the request."""
        return self.wire or self.operation


@dataclass(frozen=True, slots=True)
class Contract:
    """A service's cases. `connect` gives a complete connection to the sandbox's own account.

    `refusals` are error codes of the provider with the error each must become, tried on `refused_operation`.
    `impossible` are faults of the sandbox that the service's protocol rules out, for all operations or for one ("put_file:invalid_json").
    """

    slug: str
    connect: Callable[[RunningSandbox], ConnectionFacts]
    cases: tuple[Case, ...]
    refused_operation: str
    refusals: Mapping[str, type[IntegrationError]] = field(default_factory=dict)
    impossible: tuple[str, ...] = ()

    def operation(self, case: Case) -> Operation:
        """What the manifest declares for a case."""
        return next(each for each in manifest_of(self.slug).operations if each.name == case.operation)


def connection(slug: str, sandbox: RunningSandbox, secrets: Mapping[str, str], **settings: str) -> ConnectionFacts:
    """A connection to the sandbox with defaults of the manifest; each base URL leads to the sandbox."""
    values = {item.name: item.default for item in manifest_of(slug).settings if item.default and not item.secret}
    values |= {item.name: sandbox.base_url(slug) for item in manifest_of(slug).settings if item.sandboxed}
    return ConnectionFacts(id=1, service=slug, key="contract", settings={**values, **settings}, secrets=dict(secrets))


def recorded(contract: Contract, sandbox: RunningSandbox) -> int:
    """How often the service has taken something from us so far: messages and other writes."""
    messages = [each for each in sandbox.control.acceptances() if each.service == contract.slug]
    return len(messages) + len(sandbox.control.writes(contract.slug))


def outcome(facts: ConnectionFacts, case: Case) -> Any:
    """What the case's call brings, in a loop of its own where it is a coroutine function. The client is closed."""
    build, call = service_module(facts.service, case.module).build, case.call
    if not inspect.iscoroutinefunction(call):
        client = build(facts)
        try:
            return call(client)
        finally:
            if hasattr(client, "close"):
                client.close()

    async def in_loop() -> Any:
        client = build(facts)
        try:
            return await call(client)
        finally:
            await client.aclose()

    return asyncio.run(in_loop())


def equals(expected: object) -> Callable[[Any], None]:
    """A check: the result is this."""

    def check(found: Any) -> None:
        assert found == expected

    return check
