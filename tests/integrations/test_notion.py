"""Notion beyond its contract: typed properties both ways, samples of its documentation, waits longer than a call."""

import json
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from notion_client.errors import build_request_error

from integrations.answers import Answers
from integrations.calling import gate
from integrations.errors import RateLimited
from integrations.notion.client import _translated, build
from integrations.notion.contents import read_page
from integrations.notion.properties import (
    Checkbox,
    Date,
    Email,
    Malformed,
    MultiSelect,
    Number,
    People,
    Phone,
    PropertyValue,
    Relation,
    RichText,
    Select,
    Status,
    Title,
    Unread,
    Url,
    from_wire,
    rich_text,
    to_wire,
)
from integrations.sandbox.runner import RunningSandbox
from tests.integrations.services.cases import connection
from tests.integrations.webhooks.deliveries import sample


def as_answered(value: PropertyValue) -> dict[str, Any]:
    """What Notion answers for what we wrote: with the kind, and the words of rich text once more."""
    [(kind, content)] = to_wire(value).items()
    if kind in ("title", "rich_text"):
        content = [{**piece, "plain_text": piece["text"]["content"]} for piece in content]
    return {"type": kind, kind: content}


texts = st.text(max_size=30)
names = st.text(min_size=1, max_size=10)
moments = st.dates() | st.datetimes(timezones=st.just(UTC))
VALUES = st.one_of(
    st.builds(Title, st.text(max_size=2_500)),
    st.builds(RichText, texts),
    st.builds(Number, st.none() | st.integers() | st.floats(allow_nan=False)),
    st.builds(Select, texts),
    st.builds(MultiSelect, st.lists(names).map(tuple)),
    st.builds(Status, texts),
    st.just(Date(None)) | st.builds(Date, moments, st.none() | moments),
    st.builds(People, st.lists(names).map(tuple)),
    st.builds(Checkbox, st.booleans()),
    st.builds(Url, texts),
    st.builds(Email, texts),
    st.builds(Phone, texts),
    st.builds(Relation, st.lists(names).map(tuple)),
)


@settings(max_examples=60)
@given(VALUES)
def test_what_is_written_is_what_is_read(value: PropertyValue) -> None:
    assert from_wire(as_answered(value)) == value


@settings(max_examples=20)
@given(st.text(st.characters(codec="utf-16"), max_size=2_500))
def test_text_goes_in_pieces_that_notion_takes(text: str) -> None:
    pieces = [piece["text"]["content"] for piece in rich_text(text)]
    assert "".join(pieces) == text
    assert all(0 < len(piece.encode("utf-16-le")) <= 4_000 for piece in pieces)


def test_what_cannot_be_written_is_refused_before_it_is_sent() -> None:
    for value in (Unread("formula"), Relation(("a",), has_more=True), RichText("x" * 200_001)):
        with pytest.raises(ValueError, match="cannot be written|more than 200,000"):
            to_wire(value)


@pytest.mark.parametrize("kind", ["title", "rich_text", "multi_select", "people", "relation"])
@pytest.mark.parametrize("content", [None, 1, [{}], [None]])
def test_a_malformed_list_is_named(kind: str, content: object) -> None:
    with pytest.raises(Malformed, match=kind):
        from_wire({"type": kind, kind: content})


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"type": "number"},
        {"type": "number", "number": True},
        {"type": "checkbox", "checkbox": None},
        {"type": "date", "date": {}},
        {"type": "date", "date": {"start": "tomorrow"}},
        {"type": "select", "select": {}},
        {"type": "url", "url": 1},
    ],
)
def test_a_malformed_value_is_named(source: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        from_wire(source)


def test_the_page_of_the_documentation_is_read() -> None:
    page = read_page(Answers("notion", "get_page"), json.loads(sample("notion", "page")))
    assert page.source == "1a44be12-0953-4631-b498-9e5817518db8"
    assert page.edited_at == datetime(2022, 7, 6, 20, 25, tzinfo=UTC)
    assert page.properties == {
        "Store availability": MultiSelect(("Gus's Community Market", "Rainbow Grocery")),
        "Food group": Select("🥬 Vegetable"),
        "Price": Number(2.5),
        "Responsible Person": People(("cbfe3c6e-71cf-4cd3-b6e7-02f38f371bcc",)),
        "Last ordered": Date(date(2022, 2, 22)),
        "Cost of next trip": Unread("formula"),
        "Recipes": Relation(("90eeeed8-2cdd-4af4-9cc1-3d24aff5f63c", "a2da43ee-d43c-4285-8ae2-6d811f12629a")),
        "Description": RichText("A dark green leafy vegetable"),
        "In stock": Checkbox(True),
        "Number of meals": Unread("rollup"),
        "Photo": Url("https://i.insider.com/612fb23c9ef1e50018f93198?width=1136&format=jpeg"),
        "Name": Title("Tuscan kale"),
    }


def test_a_wait_of_minutes_is_handed_on_and_not_cut_to_one() -> None:
    """The SDK would sleep sixty seconds at most, in the worker, and ask too early."""
    body = sample("notion", "rate_limited").decode()
    for status, wait in ((429, "412"), (529, "90")):
        told = httpx.Response(status, headers={"retry-after": wait}, text=body)
        error = _translated("query", build_request_error(told, body))
        assert isinstance(error, RateLimited)
        assert (error.retry_after, error.accepted_possible) == (float(wait), False)


@pytest.mark.django_db
def test_a_call_asked_to_wait_longer_than_it_lives_asks_once(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(gate.Gate, "admit", lambda own, operation, **rest: None)
    monkeypatch.setattr(gate.Gate, "pause", lambda own, seconds: pauses.append(seconds))
    client = build(connection("notion", sandbox, {"token": "ntn_sandbox"}))
    with sandbox.control.fault("rate_limit", service="notion", operation="health", seconds=400) as fault:
        with pytest.raises(RateLimited) as raised:
            client.identity()
        assert raised.value.retry_after == 400
        assert sandbox.control.struck(fault) == 1
    assert pauses == [400]
    client.close()
