"""Reading a model service's answer strictly: what the documentation promises is there, or it is an `UnexpectedResponse`."""

from collections.abc import Mapping
from typing import Any

from integrations.errors import UnexpectedResponse


class Reading:
    """One answer, as plain dictionaries and lists."""

    def __init__(self, service: str, operation: str, content: object) -> None:
        """`content` is what the SDK made of the body; raises `UnexpectedResponse` when that is no object at all."""
        self._service, self._operation = service, operation
        if hasattr(content, "to_dict"):
            content = content.to_dict()
        if not isinstance(content, Mapping):
            raise self._error("not_json", "the answer is no object")
        self._content = content

    def text(self, *path: str | int) -> str:
        """A text that is not empty."""
        found = self._at(path)
        if not isinstance(found, str) or not found:
            raise self._missing(path)
        return found

    def number(self, *path: str | int) -> int:
        """A whole number."""
        found = self._at(path)
        if not isinstance(found, int) or isinstance(found, bool):
            raise self._missing(path)
        return found

    def rows(self, *path: str | int) -> list[Mapping[str, Any]]:
        """A list of objects."""
        found = self._at(path)
        if not isinstance(found, list) or not all(isinstance(each, Mapping) for each in found):
            raise self._missing(path)
        return found

    def vector(self, *path: str | int) -> tuple[float, ...]:
        """A list of numbers."""
        found = self._at(path)
        if not isinstance(found, list) or not found or not all(isinstance(each, int | float) for each in found):
            raise self._missing(path)
        return tuple(float(each) for each in found)

    def maybe(self, *path: str | int) -> Any:
        """Whatever is there; None when nothing is."""
        return self._at(path)

    def _at(self, path: tuple[str | int, ...]) -> Any:
        found: Any = self._content
        for step in path:
            if isinstance(step, int):
                found = found[step] if isinstance(found, list) and len(found) > step else None
            else:
                found = found.get(step) if isinstance(found, Mapping) else None
        return found

    def _missing(self, path: tuple[str | int, ...]) -> UnexpectedResponse:
        return self._error("field_missing", f"the answer has no {'.'.join(map(str, path))}")

    def _error(self, code: str, text: str) -> UnexpectedResponse:
        return UnexpectedResponse(self._service, self._operation, code, text, accepted_possible=True)


def seconds_of(value: object, default: float) -> float:
    """A number of seconds out of a header."""
    try:
        return float(str(value))
    except ValueError:
        return default
