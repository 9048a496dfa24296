"""The sandbox's own interface below `/_control`: faults, outcomes, accounts, state; for tests, the demo, the page."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import asdict
from urllib.parse import urlencode, urlsplit

from integrations.errors import IntegrationError

from .behaviour import Outcome, Step
from .faults import EXPLANATIONS, WEBHOOK_KINDS, BadFault, Fault, FaultKind
from .imitation import ControlRefused, Imitation, MessagingImitation, Unsupported
from .log import read_with_offsets, read_writes
from .postman import TooFar
from .tampering import check_path
from .wire import BadBody, Exchange, Request, Response, json_response
from .world import World

MAX_LINES_A_PAGE = 10_000


class ControlApi:
    """JSON in, JSON out; a refusal is a 400 with `error`, or 422 where the service has no such thing."""

    def __init__(self, world: World, services: dict[str, Imitation]) -> None:
        self._world = world
        self._services = services
        self._routes: dict[tuple[str, str], Callable[[Request], Response]] = {
            ("GET", "/state"): self._state,
            ("GET", "/acceptances"): self._acceptances,
            ("GET", "/writes"): self._writes,
            ("GET", "/faults"): self._faults,
            ("POST", "/faults"): self._add_fault,
            ("DELETE", "/faults"): self._clear_faults,
            ("POST", "/reset"): self._reset,
            ("GET", "/accounts"): self._accounts,
            ("POST", "/accounts"): self._open_account,
            ("POST", "/shares"): self._change_shares,
            ("POST", "/outcomes"): self._set_outcomes,
            ("POST", "/say"): self._say,
            ("POST", "/events"): self._happen,
            ("POST", "/webhooks"): self._change_webhooks,
        }
        self._checks: set[asyncio.Task[None]] = set()

    def receive(self, path: str, request: Request, exchange: Exchange) -> None:
        """Answer one control request."""
        if not same_origin(request):
            exchange.answer(json_response(403, {"error": "another site's page may not control the sandbox"}))
            return
        if (request.method, path) == ("POST", "/handshake"):
            check = asyncio.get_running_loop().create_task(self._handshake(request, exchange))
            self._checks.add(check)
            check.add_done_callback(self._checks.discard)
            return
        exchange.answer(self._answer(path, request))

    def _answer(self, path: str, request: Request) -> Response:
        if request.method == "DELETE" and path.startswith("/faults/"):
            return self._remove_fault(path.removeprefix("/faults/"))
        ask = self._routes.get((request.method, path))
        if ask is None:
            known = ", ".join(f"{method} /_control{own}" for method, own in self._routes)
            return json_response(404, {"error": f"known: {known}"})
        try:
            return ask(request)
        except Unsupported as error:
            return json_response(422, {"error": str(error)})
        except (BadBody, BadFault, ControlRefused, ValueError, KeyError, TypeError) as error:
            return json_response(400, {"error": f"{type(error).__name__}: {error}"})

    def _state(self, request: Request) -> Response:
        world = self._world
        return json_response(
            200,
            {
                "real": False,
                "seed": world.settings.seed,
                "time_scale": world.clock.scale,
                "log": str(world.settings.log),
                "accepted": world.log.last_number,
                "counts": world.counts,
                "phones": len(world.phones),
                "scheduled": world.clock.pending,
                "webhooks": {
                    "waiting": world.postman.waiting,
                    "in_flight": world.postman.in_flight,
                    "held": world.postman.held,
                    "to": world.postman.webhooks_to,
                    **asdict(world.postman.counts),
                },
                "shares": asdict(world.behaviour.shares),
                "faults": [fault.public() for fault in world.faults],
                "operations": {slug: service.operations for slug, service in self._services.items()},
            },
        )

    def _acceptances(self, request: Request) -> Response:
        """Log lines from a byte offset on (`since`, from the `next` of the answer before)."""
        offset = int(request.query.get("since", "0"))
        if offset > self._world.log.size:
            offset = 0  # the log was emptied since
        found = []
        for acceptance, offset_after in read_with_offsets(self._world.settings.log, offset):
            found.append(asdict(acceptance))
            offset = offset_after
            if len(found) == MAX_LINES_A_PAGE:
                break
        return json_response(200, {"acceptances": found, "next": offset})

    def _writes(self, request: Request) -> Response:
        """What clients changed, but for messages: `service`, `operation` and `since` narrow it."""
        query = request.query
        offset = int(query.get("since", "0"))
        if offset > self._world.log.size:
            offset = 0  # the log was emptied since
        found = []
        for write, offset_after in read_writes(
            self._world.settings.log,
            offset,
            service=query.get("service", ""),
            operation=query.get("operation", ""),
        ):
            found.append(asdict(write))
            offset = offset_after
            if len(found) == MAX_LINES_A_PAGE:
                break
        return json_response(200, {"writes": found, "next": offset})

    def _faults(self, request: Request) -> Response:
        faults = [fault.public() for fault in self._world.faults]
        return json_response(
            200, {"faults": faults, "kinds": {kind.value: text for kind, text in EXPLANATIONS.items()}}
        )

    def _add_fault(self, request: Request) -> Response:
        description = request.json()
        fault = self._world.faults.described(description)
        targets = list(self._services.values()) if fault.service == "*" else [self._service(fault.service)]
        if fault.kind is FaultKind.REFUSE and len(targets) == 1 and fault.code not in targets[0].codes():
            raise ControlRefused(f"code must be one of {', '.join(targets[0].codes())}")
        if fault.kind is FaultKind.DROP_FIELD:
            check_path(fault.path)
        require_support(fault, targets)
        self._world.faults.switch_on(fault)
        self._tell_services()
        return json_response(201, fault.public())

    def _clear_faults(self, request: Request) -> Response:
        self._world.faults.clear()
        self._tell_services()
        return json_response(200, {"faults": []})

    def _remove_fault(self, fault_id: str) -> Response:
        if not fault_id.isdigit() or not self._world.faults.remove(int(fault_id)):
            return json_response(404, {"error": "there is no such fault"})
        self._tell_services()
        return json_response(200, {"removed": int(fault_id)})

    def _reset(self, request: Request) -> Response:
        """Forget messages, faults, outcomes and what was to happen; empty the log; keep accounts and shares."""
        self._world.faults.clear()
        self._tell_services()
        self._world.clear()
        for service in self._services.values():
            service.clear()
        return json_response(200, {"reset": True})

    def _accounts(self, request: Request) -> Response:
        return json_response(200, {slug: service.accounts() for slug, service in self._services.items()})

    def _open_account(self, request: Request) -> Response:
        fields = request.json()
        slug = fields.pop("service", "")
        opened = self._service(slug).open_account(fields)
        self._world.account_file.keep(slug, str(next(iter(opened.values()))), fields)
        return json_response(201, opened)

    def _change_shares(self, request: Request) -> Response:
        behaviour = self._world.behaviour
        behaviour.shares = behaviour.shares.changed(request.json())
        return json_response(200, asdict(behaviour.shares))

    def _set_outcomes(self, request: Request) -> Response:
        """Fates by hand: `{"+5511…": {"last": "failed", "code": "131026"}, "+5511…": null}`."""
        outcomes = self._world.behaviour.outcomes
        for address, outcome in request.json().items():
            key = address.lower()
            if outcome is None:
                outcomes.pop(key, None)
            else:
                last = Step(outcome["last"])
                outcomes[key] = Outcome(last, str(outcome.get("code", "")), str(outcome.get("words", "")))
        return json_response(200, {"outcomes": len(outcomes)})

    def _say(self, request: Request) -> Response:
        fields = request.json()
        service = self._service(fields["service"])
        if not isinstance(service, MessagingImitation):
            raise Unsupported(f"nobody writes to anybody at {service.title}")
        inbound_id = service.write(str(fields["account"]), str(fields["from"]), str(fields["text"]))
        return json_response(201, {"id": inbound_id})

    def _happen(self, request: Request) -> Response:
        """Something happens at a provider by itself: `{"service", "event", …}`, the rest as the event needs it."""
        fields = request.json()
        service = self._service(fields.pop("service", ""))
        event = str(fields.pop("event", ""))
        if event not in service.events:
            known = f"it knows {', '.join(service.events)}" if service.events else "it knows none"
            raise Unsupported(f"{service.title} has no event {event!r}; {known}")
        return json_response(201, service.happen(event, fields))

    def _change_webhooks(self, request: Request) -> Response:
        fields = request.json()
        if "to" in fields:
            self._world.postman.webhooks_to = str(fields["to"]).rstrip("/")
        if "held" in fields:
            self._world.postman.hold(bool(fields["held"]))
        return json_response(200, {"to": self._world.postman.webhooks_to, "held": self._world.postman.held})

    async def _handshake(self, request: Request, exchange: Exchange) -> None:
        """What Meta does when a callback URL is saved: GET with a challenge that must come back as it is."""
        try:
            fields = request.json()
            challenge = str(secrets.randbelow(10**10))
            question = {
                "hub.mode": "subscribe",
                "hub.challenge": challenge,
                "hub.verify_token": str(fields["verify_token"]),
            }
            url = str(fields["url"])
            joint = "&" if urlsplit(url).query else "?"
            status, body = await self._world.postman.get(f"{url}{joint}{urlencode(question)}")
        except (BadBody, KeyError, TypeError, IntegrationError, TooFar) as error:
            exchange.answer(json_response(400, {"error": f"{type(error).__name__}: {error}"}))
            return
        passed = status == 200 and body == challenge.encode()
        exchange.answer(json_response(200, {"passed": passed, "status": status, "body": body[:200].decode("latin-1")}))

    def _service(self, slug: str) -> Imitation:
        try:
            return self._services[slug]
        except KeyError:
            raise ControlRefused(f"service must be one of {', '.join(self._services)}") from None

    def _tell_services(self) -> None:
        for service in self._services.values():
            service.faults_changed()


def require_support(fault: Fault, targets: list[Imitation]) -> None:
    """Raises Unsupported when the fault could never strike."""
    if fault.operation == "*" or fault.kind in WEBHOOK_KINDS:
        named = targets
    else:
        named = [service for service in targets if fault.operation in service.operations]
        if not named:
            known = f"{targets[0].title} has {', '.join(targets[0].operations)}" if len(targets) == 1 else "none has it"
            raise Unsupported(f"there is no operation {fault.operation}; {known}")
    for service in named:
        operations = (fault.operation,) if fault.operation != "*" else service.operations
        if any(service.supports(fault.kind, operation) for operation in operations):
            return
    where = targets[0].title if len(targets) == 1 else "any service"
    what = "" if fault.operation == "*" else f" on {fault.operation}"
    raise Unsupported(f"{fault.kind} cannot strike {where}{what}: it has no such way to fail")


def same_origin(request: Request) -> bool:
    """Whether a browser that sends this request shows one of our own pages (or it is no browser)."""
    origin = request.headers.get("origin", "")
    return not origin or urlsplit(origin).netloc == request.headers.get("host", "")
