"""Reading what a service answered: what its documentation promises, or `UnexpectedResponse`. For clients whose SDK hands on plain JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from integrations.errors import UnexpectedResponse


@dataclass(frozen=True, slots=True)
class Answers:
    """Reads the answers of one operation. A path is names of fields, one inside the other."""

    service: str
    operation: str

    def text(self, source: object, *path: str) -> str:
        """A text that is not empty."""
        found = self._at(source, path)
        if not isinstance(found, str) or not found:
            raise self.missing(".".join(path))
        return found

    def flag(self, source: object, *path: str) -> bool:
        """True or false."""
        found = self._at(source, path)
        if not isinstance(found, bool):
            raise self.missing(".".join(path))
        return found

    def integer(self, source: object, *path: str) -> int:
        """A whole number, also where it is written as a text."""
        found = self._at(source, path)
        if isinstance(found, str) and found.isascii() and found.isdecimal():
            return int(found)
        if not isinstance(found, int) or isinstance(found, bool):
            raise self.missing(".".join(path))
        return found

    def moment(self, source: object, *path: str) -> datetime:
        """A time in ISO 8601, in UTC."""
        try:
            found = datetime.fromisoformat(self.text(source, *path))
        except ValueError:
            raise self.missing(".".join(path)) from None
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)

    def mapping(self, source: object, *path: str) -> Mapping[str, Any]:
        """An object."""
        found = self._at(source, path)
        if not isinstance(found, dict):
            raise self.missing(".".join(path) or "object")
        return found

    def mappings(self, source: object, *path: str) -> Iterator[Mapping[str, Any]]:
        """The objects of a list, each of which must be one."""
        for item in self.items(source, *path):
            yield self.mapping(item)

    def items(self, source: object, *path: str) -> list[Any]:
        """A list."""
        found = self._at(source, path)
        if not isinstance(found, list):
            raise self.missing(".".join(path))
        return found

    def missing(self, what: str) -> UnexpectedResponse:
        """The error for an answer without `what`: the service has accepted, and says nothing we can use."""
        text = f"the answer has no {what}"
        return UnexpectedResponse(self.service, self.operation, "field_missing", text, accepted_possible=True)

    @staticmethod
    def _at(source: object, path: tuple[str, ...]) -> object:
        found = source
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found
