"""Bodies of several parts: the fields and files of a form, or what an upload sends around its file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^;\s]+))', re.IGNORECASE)
_PARAMETER = re.compile(r'(?:^|;)\s*(name|filename)=(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))', re.IGNORECASE)
_EXTENDED_NAME = re.compile(r"filename\*=utf-8''([^;\s]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """One part. `name` and `filename` are empty where it says none; header names are lower case."""

    name: str
    filename: str
    content_type: str
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode("utf-8", "replace")


def parse_parts(content_type: str, body: bytes) -> list[Part]:
    """The parts in order. Raises ValueError when the body is none of its kind."""
    found = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/") or found is None:
        raise ValueError(f"{content_type or 'nothing'} is not multipart with a boundary")
    mark = b"--" + (found[1] or found[2]).encode("latin-1")
    begin = 0 if body.startswith(mark) else body.find(b"\r\n" + mark) + 2
    if not body.startswith(mark, begin):
        raise ValueError("the boundary is nowhere in the body")
    parts: list[Part] = []
    while True:
        begin += len(mark)
        if body.startswith(b"--", begin):
            return parts
        end = body.find(b"\r\n" + mark, begin)
        if end < 0:
            raise ValueError("the last boundary is missing")
        parts.append(_part(body, body.find(b"\r\n", begin) + 2, end))
        begin = end + 2


def _part(body: bytes, begin: int, end: int) -> Part:
    headers: dict[str, str] = {}
    while begin < end:
        line_end = body.find(b"\r\n", begin, end)
        if line_end < 0:
            raise ValueError("the headers of a part have no end")
        line = body[begin:line_end]
        begin = line_end + 2
        if not line:
            break
        name, _, value = line.decode("utf-8", "replace").partition(":")
        headers[name.strip().lower()] = value.strip()
    disposition = headers.get("content-disposition", "")
    named = {
        key.lower(): _unescaped(quoted) if quoted else bare for key, quoted, bare in _PARAMETER.findall(disposition)
    }
    if extended := _EXTENDED_NAME.search(disposition):
        named["filename"] = unquote(extended[1])
    return Part(
        name=named.get("name", ""),
        filename=named.get("filename", ""),
        content_type=headers.get("content-type", ""),
        headers=headers,
        body=body[begin:end],
    )


def _unescaped(quoted: str) -> str:
    """A quoted name as browsers and libraries write it: `%22` or a backslash for a quotation mark."""
    return re.sub(r"\\(.)", r"\1", quoted.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n"))
