"""The page."""

from __future__ import annotations

from .wire import Exchange, Request, Response
from .world import Imitation, World


class Page:
    """Shows the phones."""

    def __init__(self, world: World, services: dict[str, Imitation]) -> None:
        self._world = world
        self._services = services

    def receive(self, path: str, request: Request, exchange: Exchange) -> None:
        """Answer one request of a browser."""
        exchange.answer(Response(404, b"", "text/plain"))
