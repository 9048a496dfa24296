"""Every action that an operation writes into the audit log has words for people."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils.translation import override

from agency.admin.actions import action_words
from tests.house.source import PACKAGES, ROOT

WRITERS = {"record_audit", "_audit", "_apply", "_change", "_record", "_write", "_move", "_change_tags"}


LIKE_AN_ACTION = re.compile(r"[a-z]+(?:_[a-z]+)+|[a-z_]+\.[a-z]+")


def actions(source: str) -> Iterator[str]:
    """Texts that a writer of audit entries is given as its action: by that name, or written like one (verb_noun, or record.verb)."""
    tree = ast.parse(source)
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or getattr(call.func, "id", getattr(call.func, "attr", "")) not in WRITERS:
            continue
        named = [found for keyword in call.keywords if keyword.arg == "action" for found in _texts(keyword.value)]
        yield from named
        yield from (found for argument in call.args for found in _texts(argument) if LIKE_AN_ACTION.fullmatch(found))


def _texts(node: ast.expr) -> list[str]:
    branches = (node.body, node.orelse) if isinstance(node, ast.IfExp) else (node,)
    return [one.value for one in branches if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def written() -> set[str]:
    return {
        action
        for package in PACKAGES
        for path in Path(ROOT / package).rglob("*.py")
        if {"operations", "runners"} & set(path.parts)
        for action in actions(path.read_text("utf-8"))
    }


def test_every_action_has_words() -> None:
    found = written()
    assert {"pause_campaign", "schedule.disable", "untag_contacts", "change_sender", "freeze_sending"} <= found
    with override("en"):
        assert sorted(action for action in found if action_words(action) == action) == []


@pytest.mark.parametrize(
    "call",
    [
        'record_audit(actor=a, action="paint_wall", subject=s)',
        'record_audit(actor=a, action="x" if y else "paint_wall", subject=s)',
        '_change(s, {}, "paint_wall", a)',
        '_apply(a, "wall.paint", 1)',
    ],
)
def test_an_action_is_found_however_it_is_given(call: str) -> None:
    assert {"paint_wall", "wall.paint"} & set(actions(call))
