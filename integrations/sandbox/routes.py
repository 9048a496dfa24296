"""Which operation of a service a request is for."""

from __future__ import annotations

import re
from urllib.parse import unquote

_NAMED = re.compile(r"\{\w+(\+?)\}")
_KEPT = re.compile(r"(%2[fF5])")


class Routes:
    """Patterns of one service's paths.

    `{name}` stands for one segment, `{name+}` for the rest of the path with its slashes; what is between them is a
    regular expression. The first pattern that fits wins. A request for HEAD finds the route of GET when it has none.
    """

    def __init__(self, *patterns: tuple[str, str, str]) -> None:
        """Each pattern is (method, path below the service's own mount, operation)."""
        self._patterns = [
            (method, re.compile(_expression(path), re.DOTALL), operation) for method, path, operation in patterns
        ]
        self.operations = tuple(dict.fromkeys(operation for _, _, operation in patterns))

    def match(self, method: str, path: str) -> tuple[str, tuple[str, ...]] | None:
        """The operation and what the path names, decoded; None = no such route. `path` is percent-encoded."""
        encoded = "%" in path
        if encoded:
            path = _readable(path)
        for own_method, pattern, operation in self._patterns:
            if method == own_method and (found := pattern.fullmatch(path)):
                named = found.groups()
                return operation, tuple(map(unquote, named)) if encoded else named
        return self.match("GET", path) if method == "HEAD" else None


def _expression(path: str) -> str:
    if path.endswith("+}"):
        return _NAMED.sub(_group, path)
    return _NAMED.sub(_group, path) + "/?"


def _group(named: re.Match[str]) -> str:
    return "(.+)" if named[1] else "([^/]+)"


def _readable(path: str) -> str:
    """The path with everything decoded but a slash and a percent sign: a client may encode `:` or not."""
    pieces = _KEPT.split(path)
    return "".join(piece if index % 2 else unquote(piece) for index, piece in enumerate(pieces))
