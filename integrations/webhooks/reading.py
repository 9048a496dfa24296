"""Narrow readers for JSON and forms that strangers wrote: the value if it has the right type, else an empty one.

Texts come back without NUL and without half surrogate pairs, which PostgreSQL cannot store.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import orjson

from integrations.events import UNDATED
from integrations.webhooks.request import UnreadablePayload

MAX_TEXT = 65_536  # characters kept of any one text
_EARLIEST, _LATEST = 946_684_800.0, 4_102_444_800.0  # the years 2000 to 2100, in seconds since the epoch


def json_mapping(body: bytes) -> Mapping[str, Any]:
    """The JSON object in a body. Raises `UnreadablePayload`."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        content = _lenient_json(body)
    if not isinstance(content, dict):
        raise UnreadablePayload("the body is not a JSON object")
    return content


def _lenient_json(body: bytes) -> object:
    """JSON as JavaScript writes it: with halves of surrogate pairs, when a text was cut inside an emoji."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadablePayload(f"the body is not JSON: {error}") from None


def form_mapping(body: bytes) -> Mapping[str, str]:
    """The fields of a form body, the first value of each. Raises `UnreadablePayload`."""
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="replace", max_num_fields=500)
    except ValueError as error:
        raise UnreadablePayload(f"the body is not a form: {error}") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        found.setdefault(name, clean(value))
    return found


def clean(value: str) -> str:
    """A text that PostgreSQL stores as it is."""
    value = value[:MAX_TEXT]
    if "\x00" in value:
        value = value.replace("\x00", "")
    if value.isascii():
        return value
    return value.encode("utf-8", "replace").decode("utf-8")


def text(source: Mapping[str, Any], name: str) -> str:
    """A text or a whole number as text; empty for anything else."""
    value = source.get(name)
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return clean(str(value)) if abs(value) < 10**40 else ""
    return ""


def mapping(source: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object; empty for anything else."""
    value = source.get(name)
    return value if isinstance(value, dict) else {}


def mappings(source: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    """The objects of a list, in order; nothing for anything else."""
    value = source.get(name)
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield item


def first_mapping(source: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The first object of a list; empty when there is none."""
    return next(mappings(source, name), {})


def moment(seconds: str) -> datetime:
    """A time from seconds since the epoch written as text; `UNDATED` for anything unbelievable."""
    return _moment(seconds) if len(seconds) <= 20 else UNDATED


@lru_cache(maxsize=4096)  # the events of one delivery happened in few different seconds
def _moment(seconds: str) -> datetime:
    try:
        number = float(seconds)
    except ValueError:
        return UNDATED
    if not _EARLIEST <= number <= _LATEST:
        return UNDATED
    return datetime.fromtimestamp(number, UTC)


def iso_moment(written: str) -> datetime:
    """A time from ISO 8601 text (UTC when it names no zone); `UNDATED` for anything unbelievable."""
    try:
        found = datetime.fromisoformat(written.strip())
    except ValueError:
        return UNDATED
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return found.astimezone(UTC) if 2000 <= found.year < 2100 else UNDATED


def phone(digits: str) -> str:
    """E.164 with "+" from a phone in any of the providers' spellings, or an empty text.

    WhatsApp names most Brazilian mobiles without the ninth digit that their numbers really have; it is put back.
    """
    plain = digits.isascii() and digits.isdigit()
    only = digits if plain else "".join(each for each in digits if each in "0123456789")
    if not 7 <= len(only) <= 15:
        return ""
    if len(only) == 12 and only.startswith("55") and only[4] in "6789":
        only = f"{only[:4]}9{only[4:]}"
    return f"+{only}"
