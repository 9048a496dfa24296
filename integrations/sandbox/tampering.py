"""Answers that something on the way has spoilt: what was asked is done, and the client cannot read that it is."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import orjson

from .faults import BadFault, Fault, FaultKind
from .wire import Response, date_header

SPOILING_KINDS = frozenset(
    {FaultKind.CUT_BODY, FaultKind.INVALID_JSON, FaultKind.WRONG_CONTENT_TYPE, FaultKind.DROP_FIELD}
)
_HTML = (
    "<!DOCTYPE html>\n<html><head><title>{title}</title></head>\n"
    "<body><center><h1>{title}</h1></center><hr><center>not real</center></body></html>\n"
)


def html_page(status: int, title: str) -> Response:
    """A page for people where a program expected an answer."""
    return Response(status, _HTML.format(title=title).encode(), "text/html; charset=utf-8")


def spoil(response: Response, fault: Fault) -> Response | None:
    """The answer as the fault leaves it; None = this answer cannot be spoilt in this way, and goes out as it is."""
    match fault.kind:
        case FaultKind.CUT_BODY:
            return replace(response, cut_at=len(response.body) // 2)
        case FaultKind.INVALID_JSON if response.body and response.status < 300:
            return replace(response, body=response.body[: max(1, len(response.body) * 2 // 3)].rstrip(b"}]> \n"))
        case FaultKind.WRONG_CONTENT_TYPE if response.body:
            return replace(response, content_type="text/plain; charset=utf-8")
        case FaultKind.DROP_FIELD if response.status < 300:
            return _without_field(response, fault.path)
    return None


def shift_date(response: Response, now: float, seconds: float) -> Response:
    """The answer of a server whose clock differs from ours: if we are `seconds` ahead, it is that much behind."""
    return replace(response, headers=(*response.headers, date_header(now - seconds)))


# Fields by path


def check_path(path: str) -> None:
    """Raises BadFault for a path that names no field."""
    if path.startswith("@"):
        if not re.fullmatch(r"@[A-Za-z0-9-]+", path):
            raise BadFault(f"{path!r} is not a header: @ and its name")
    elif not _steps(path) or _steps(path)[-1] == "[]":
        raise BadFault(f"{path!r} names no field: write names with dots between them, [] for the items of a list")


def drop(content: Any, path: str) -> bool:
    """Remove a field from JSON content, in every item of every list on the way; whether it was anywhere.

    `a.b` is a field of a field, `a[].b` of each item, `[].b` of the items of a list, `a.*.b` of each value of an object;
    a dot inside a name is written `\\.`.
    """
    return _drop(content, _steps(path))


def _without_field(response: Response, path: str) -> Response | None:
    if path.startswith("@"):
        name = path[1:].lower()
        kept = tuple(header for header in response.headers if header[0].lower() != name)
        return replace(response, headers=kept) if kept != response.headers else None
    if "xml" in response.content_type:
        return _without_element(response, path)
    try:
        content = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return None
    return replace(response, body=orjson.dumps(content)) if drop(content, path) else None


def _steps(path: str) -> list[str]:
    steps: list[str] = []
    for piece in re.split(r"(?<!\\)\.", path):
        name = piece.replace("\\.", ".")
        lists = 0
        while name.endswith("[]"):
            name, lists = name[:-2], lists + 1
        if not name and (steps or not lists):
            return []
        steps += [name] if name else []
        steps += ["[]"] * lists
    return steps


def _drop(content: Any, steps: list[str]) -> bool:
    step, rest = steps[0], steps[1:]
    if step == "[]":
        return isinstance(content, list) and _drop_in_each(content, rest)
    if not isinstance(content, dict):
        return False
    names = list(content) if step == "*" else [step] if step in content else []
    if rest:
        return _drop_in_each([content[name] for name in names], rest)
    for name in names:
        del content[name]
    return bool(names)


def _drop_in_each(contents: list[Any], steps: list[str]) -> bool:
    dropped = [_drop(content, steps) for content in contents]  # in all of them, so no early end
    return any(dropped)


def _without_element(response: Response, path: str) -> Response | None:
    """The same in XML: the names below the root, such as `Contents[].Key`; `[]` changes nothing there."""
    try:
        root = ElementTree.fromstring(response.body)  # noqa: S314 -- our own imitation wrote it
    except ElementTree.ParseError:
        return None
    names = [step for step in _steps(path) if step != "[]"]
    parents = [root]
    for name in names[:-1]:
        parents = [child for parent in parents for child in parent if _local(child) == name]
    found = [(parent, child) for parent in parents for child in parent if _local(child) == names[-1]]
    for parent, child in found:
        parent.remove(child)
    if not found:
        return None
    if root.tag.startswith("{"):
        ElementTree.register_namespace("", root.tag[1:].partition("}")[0])
    return replace(response, body=ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
