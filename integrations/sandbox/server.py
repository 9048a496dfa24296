"""The sandbox: one local HTTP server that imitates services, and fails on demand."""

from __future__ import annotations

from collections.abc import Callable

from .complaints import complain
from .control_api import ControlApi
from .faults import FaultKind
from .log import read_acceptances
from .page import Page
from .wire import Exchange, HttpServer, Request, Response, json_response
from .world import ControlRefused, Imitation, World

ImitationClass = Callable[[World], Imitation]


class Sandbox:
    """Routes requests to the services, to the control API and to the page; applies faults."""

    def __init__(self, world: World, services: list[Imitation]) -> None:
        self.world = world
        self.services = {service.slug: service for service in services}
        self._control = ControlApi(world, self.services)
        self._page = Page(world, self.services)
        self.server = HttpServer(self.receive)

    async def start(self) -> None:
        """Remember the accounts and what the log holds, then listen. Raises OSError when the port is taken."""
        for slug, fields in self.world.account_file.registrations():
            try:
                self.services[slug].open_account(fields)
            except (KeyError, TypeError, ControlRefused) as error:
                complain(f"an account of {slug} was not taken over: {error}")
        for accepted in read_acceptances(self.world.settings.log):
            service = self.services.get(accepted.service)
            if service is not None and accepted.idempotency_key:
                service.remember(accepted.account, accepted.idempotency_key, accepted.digest, accepted.provider_id)
        await self.server.start(self.world.settings.host, self.world.settings.port)
        self.world.postman.start()

    async def stop(self) -> None:
        """Stop listening, drop what was to happen, close the log."""
        await self.server.stop()
        self.world.clock.clear()
        await self.world.postman.stop()
        self.world.log.close()

    def receive(self, request: Request, exchange: Exchange) -> None:
        """Take one request from the wire."""
        slug, _, rest = request.path[1:].partition("/")
        service = self.services.get(slug)
        if service is not None:
            self._serve(service, "/" + rest, request, exchange)
        elif slug == "_control":
            self._control.receive("/" + rest, request, exchange)
        elif slug in ("", "_page"):
            self._page.receive("/" + rest, request, exchange)
        else:
            exchange.answer(
                json_response(404, {"error": f"the sandbox imitates {', '.join(self.services)}; nothing is at /{slug}"})
            )

    def _serve(self, service: Imitation, path: str, request: Request, exchange: Exchange) -> None:
        route = service.match(request.method, path)
        if route is None:
            self.world.count(f"unknown_route.{service.slug}")
            exchange.answer(service.unknown_route(request))
            return
        operation, arguments = route
        if not self.world.faults:
            exchange.answer(self._answer(service, operation, arguments, request))
            return
        delay = 0.0
        for fault in self.world.faults.strike_request(
            service.slug, operation, service.sender_of(operation, arguments, request)
        ):
            self.world.count(f"fault.{fault.kind.value}")
            match fault.kind:
                case FaultKind.LATENCY:
                    delay += fault.seconds
                    continue
                case FaultKind.RATE_LIMIT:
                    response = service.rate_limited(fault.seconds)
                case FaultKind.SERVER_ERROR:
                    response = service.broken()
                case FaultKind.REFUSE:
                    known = fault.code in service.codes()
                    response = service.refusal(fault.code) if known else service.broken()
                case FaultKind.SERVER_ERROR_AFTER:
                    self._answer(service, operation, arguments, request)
                    response = service.broken()
                case FaultKind.CUT_AFTER:
                    self._answer(service, operation, arguments, request)
                    self._later(delay, exchange.cut)
                    return
                case FaultKind.HANG_AFTER:
                    self._answer(service, operation, arguments, request)
                    self._later(delay + fault.seconds, exchange.cut)
                    return
                case _:
                    exchange.cut()
                    return
            self._later(delay, exchange.answer, response)
            return
        self._later(delay, exchange.answer, self._answer(service, operation, arguments, request))

    def _answer(self, service: Imitation, operation: str, arguments: tuple[str, ...], request: Request) -> Response:
        self.world.count(f"asked.{service.slug}.{operation}")
        try:
            return service.answer(operation, arguments, request)
        except OSError as error:
            complain(f"nothing is accepted while the log cannot be written: {error}")
            self.world.count("log_failed")
            return service.broken()

    def _later(self, delay: float, callback: Callable[..., None], *arguments: object) -> None:
        if delay > 0:
            self.world.clock.after(delay, callback, *arguments)
        else:
            callback(*arguments)
