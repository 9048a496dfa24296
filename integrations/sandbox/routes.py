"""Which operation of a service a request is for."""

from __future__ import annotations

import re


class Routes:
    """Patterns of one service's paths; `{name}` stands for one segment."""

    def __init__(self, *patterns: tuple[str, str, str]) -> None:
        """Each pattern is (method, path below the service's own mount, operation)."""
        self._patterns = [
            (method, re.compile(re.sub(r"\{\w+\}", "([^/]+)", path) + "/?"), operation)
            for method, path, operation in patterns
        ]
        self.operations = tuple(dict.fromkeys(operation for _, _, operation in patterns))

    def match(self, method: str, path: str) -> tuple[str, tuple[str, ...]] | None:
        """The operation and the named segments; None = no such route."""
        for own_method, pattern, operation in self._patterns:
            if method == own_method and (found := pattern.fullmatch(path)):
                return operation, found.groups()
        return None
