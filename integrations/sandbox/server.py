"""The sandbox: one local HTTP server that imitates services, and fails on demand."""

from __future__ import annotations

from collections.abc import Callable

from .complaints import complain
from .control_api import ControlApi
from .faults import Fault, FaultKind
from .imitation import ControlRefused, Imitation, MessagingImitation
from .log import read_acceptances
from .page import Page
from .tampering import SPOILING_KINDS, html_page, shift_date, spoil
from .wire import Exchange, HttpServer, Request, Response, json_response
from .world import World


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
            if isinstance(service, MessagingImitation) and accepted.idempotency_key:
                service.remember(accepted.account, accepted.idempotency_key, accepted.digest, accepted.provider_id)
        await self.server.start(self.world.settings.host, self.world.settings.port)
        for service in self.services.values():
            await service.start()
        self.world.postman.start()

    async def stop(self) -> None:
        """Stop listening, drop what was to happen, close the log."""
        for service in self.services.values():
            await service.stop()
        await self.server.stop()
        self.world.clock.clear()
        await self.world.postman.stop()
        self.world.log.close()

    def receive(self, request: Request, exchange: Exchange) -> None:
        """Take one request from the wire."""
        slug, _, rest = request.raw_path[1:].partition("/")
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
        route = service.match(request, path)
        if route is None:
            self.world.count(f"unknown_route.{service.slug}")
            exchange.answer(service.unknown_route(request))
            return
        operation, arguments = route
        if not self.world.faults:
            exchange.answer(self._answer(service, operation, arguments, request))
            return
        delay = 0.0
        sender = service.sender_of(operation, arguments, request)
        for fault in self.world.faults.strike_request(service.slug, operation, sender, service.supports):
            self.world.count(f"fault.{fault.kind.value}")
            if fault.kind is FaultKind.LATENCY:
                delay += fault.seconds
            else:
                self._fail(fault, delay, service, operation, arguments, request, exchange)
                return
        self._later(delay, exchange.answer, self._answer(service, operation, arguments, request))

    def _fail(
        self,
        fault: Fault,
        delay: float,
        service: Imitation,
        operation: str,
        arguments: tuple[str, ...],
        request: Request,
        exchange: Exchange,
    ) -> None:
        """What the fault makes of this request: some are carried out all the same, some get an answer all the same."""
        if (instead := _instead(fault, service, operation, request)) is not None:
            if fault.kind is FaultKind.CLOCK_SKEW:
                instead = shift_date(instead, self.world.clock.now(), fault.seconds)
            self._later(delay, exchange.answer, instead)
            return
        if fault.kind in (FaultKind.CUT_BEFORE, FaultKind.HANG_BEFORE):
            self._later(delay + fault.seconds, exchange.cut)
            return
        response = self._answer(service, operation, arguments, request)
        if fault.kind in SPOILING_KINDS:
            spoilt = spoil(response, fault)
            if spoilt is None:
                fault.struck -= 1  # this answer has nothing that the fault could spoil: the next one may
            response = spoilt or response
        match fault.kind:
            case FaultKind.SERVER_ERROR_AFTER:
                response = service.broken()
            case FaultKind.BAD_GATEWAY_AFTER:
                response = html_page(502, "502 Bad Gateway")
            case FaultKind.CLOCK_SKEW:
                response = shift_date(response, self.world.clock.now(), fault.seconds)
            case FaultKind.CUT_AFTER | FaultKind.HANG_AFTER:
                self._later(delay + fault.seconds, exchange.cut)
                return
        self._later(delay, exchange.answer, response)

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


def _instead(fault: Fault, service: Imitation, operation: str, request: Request) -> Response | None:
    """The answer to a request that is not carried out; None = it is, or nothing is answered."""
    match fault.kind:
        case FaultKind.RATE_LIMIT:
            return service.rate_limited(fault.seconds)
        case FaultKind.RATE_LIMIT_SILENT:
            return service.rate_limited_silently()
        case FaultKind.SERVER_ERROR:
            return service.broken()
        case FaultKind.UNAVAILABLE:
            return service.unavailable(fault.seconds)
        case FaultKind.BAD_GATEWAY:
            return html_page(502, "502 Bad Gateway")
        case FaultKind.HTML_PAGE:
            return html_page(200, "Welcome")
        case FaultKind.REFUSE:
            return service.refusal(fault.code) if fault.code in service.codes() else service.broken()
        case FaultKind.ERROR_IN_SUCCESS:
            return service.error_in_success(operation)
        case FaultKind.EXPIRED_TOKEN:
            return service.expired_token(operation)
        case FaultKind.MISSING_SCOPE:
            return service.missing_scope(operation)
        case FaultKind.CLOCK_SKEW:
            return service.clock_skewed(operation, request, fault.seconds)
    return None
