"""Segments: reading the tree, and that its SQL means what the tree says."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agency.kit.errors import InvalidInput
from agency.models import Client
from campaigns.outreach.rules.segment import (
    ENGAGED,
    INACTIVE,
    NEW_LAST_WEEK,
    All,
    AnyOf,
    Condition,
    FieldKind,
    Node,
    Not,
    Op,
    conditions_of,
    read_segment,
    write_segment,
)
from campaigns.outreach.selectors.audience import contacts_matching, segment_count, segment_sample
from messaging.models import Contact

NOW = dt.datetime(2026, 3, 10, 15, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
MIDNIGHT = dt.datetime(2026, 3, 1, 3, tzinfo=dt.UTC)  # 00:00 in São Paulo


def test_reads_a_tree() -> None:
    stored = {
        "all": [
            {
                "any": [
                    {"field": "tags", "op": "has", "value": "vip"},
                    {"field": "replies", "op": "at_least", "value": 5},
                ]
            },
            {"not": {"field": "attributes.city", "op": "one_of", "value": ["Santos", "Recife"]}},
            {"field": "created_at", "op": "since", "value": "2026-01-31"},
            {"field": "email", "op": "filled"},
        ]
    }
    tree = read_segment(stored)
    assert tree == All(
        (
            AnyOf((Condition("tags", Op.HAS, "vip"), Condition("replies", Op.AT_LEAST, 5))),
            Not(Condition("attributes.city", Op.ONE_OF, ("Santos", "Recife"))),
            Condition("created_at", Op.SINCE, dt.date(2026, 1, 31)),
            Condition("email", Op.FILLED),
        )
    )
    assert write_segment(tree) == stored
    assert [condition.field for condition in conditions_of(tree)] == [
        "tags",
        "replies",
        "attributes.city",
        "created_at",
        "email",
    ]
    assert read_segment({}) == All() and write_segment(All()) == {}


DEEP: dict[str, Any] = {"field": "name", "op": "filled"}
for _level in range(6):
    DEEP = {"not": DEEP}


@pytest.mark.parametrize(
    ("value", "place", "text"),
    [
        ([], "conditions", "a condition is an object"),
        ({"all": []}, "all", "“all” holds a list"),
        ({"all": [{"any": [{"field": "name", "op": "is", "value": ""}]}]}, "all[0].any[0].value", "a text of 1 to 200"),
        ({"field": "name"}, "conditions", "a condition has a field, an op and a value"),
        ({"field": "cpf", "op": "is", "value": "1"}, "field", "unknown field 'cpf'"),
        ({"field": "attributes.a b", "op": "is", "value": "1"}, "field", "unknown field"),
        (
            {"field": "tags", "op": "is", "value": "1"},
            "op",
            "tags can be asked filled, has, has_all, has_any, not 'is'",
        ),
        ({"field": "tags", "op": ["x"], "value": "1"}, "op", "tags can be asked"),
        ({"field": "replies", "op": "at_least", "value": True}, "value", "a number is needed, not True"),
        ({"field": "replies", "op": "is", "value": float("nan")}, "value", "a number is needed, not nan"),
        ({"field": "created_at", "op": "in_last_days", "value": 0}, "value", "a number of days from 1 to 3660"),
        ({"field": "created_at", "op": "before", "value": "1/2/2026"}, "value", "a date is written 2026-12-31"),
        ({"field": "created_at", "op": "in_next_days", "value": 3}, "op", "created_at can be asked"),
        ({"field": "email", "op": "filled", "value": 1}, "value", "“filled” takes no value"),
        ({"field": "tags", "op": "has_any", "value": "vip"}, "value", "a list of 1 to 100 texts"),
        ({"field": "name", "op": "is", "value": "a\x00"}, "value", "a text of 1 to 200"),
        (DEEP, "not.not.not.not.not.not", "conditions are nested deeper than 6"),
        ({"all": [{"field": "name", "op": "filled"}] * 101}, "all[100]", "a segment has at most 100 conditions"),
    ],
)
def test_names_the_place_of_a_mistake(value: object, place: str, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_segment(value)
    assert (caught.value.field, caught.value.text[: len(text)]) == (place, text)


@dataclass(frozen=True)
class Person:
    """A contact as the oracle sees it."""

    name: str = ""
    phone: str | None = None
    email: str | None = None
    language: str = ""
    time_zone: str = ""
    tags: tuple[str, ...] = ()
    replies: int = 0
    created_at: dt.datetime = NOW
    last_inbound_at: dt.datetime | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


def holds(node: Node, person: Person) -> bool:
    """What the tree says, the plain way."""
    if isinstance(node, All):
        return all(holds(part, person) for part in node.parts)
    if isinstance(node, AnyOf):
        return any(holds(part, person) for part in node.parts)
    if isinstance(node, Not):
        return not holds(node.part, person)
    value: Any = node.value
    if node.kind is FieldKind.TAGS:
        tags = set(person.tags)
        wanted = {value} if isinstance(value, str) else set(value or ())
        return bool(tags & wanted) if node.op is Op.HAS_ANY else bool(tags) if node.op is Op.FILLED else wanted <= tags
    known = person.attributes.get(node.key) if node.key else getattr(person, node.field)
    if known is None or known == "":
        return False
    if node.kind is FieldKind.MOMENT:
        return holds_moment(node, known)
    text = isinstance(known, str)
    if node.op is Op.FILLED:
        return True
    if node.op is Op.IS:
        return known == value and isinstance(known, bool) == isinstance(value, bool)
    if node.op is Op.ONE_OF:
        return known in value
    if node.op is Op.CONTAINS:
        return text and value.lower() in known.lower()
    if node.op is Op.STARTS_WITH:
        return text and known.lower().startswith(value.lower())
    if node.op is Op.ENDS_WITH:
        return text and known.lower().endswith(value.lower())
    if node.op in (Op.AT_LEAST, Op.AT_MOST):
        if text or isinstance(known, bool):
            return False
        return bool(known >= value if node.op is Op.AT_LEAST else known <= value)
    try:
        day = dt.date.fromisoformat(known[:10] if text else "")
    except ValueError:
        return False
    if isinstance(value, dt.date):
        return day < value if node.op is Op.BEFORE else day >= value
    today = dt.date(2026, 3, 10)
    span = value * DAY
    return bool(today - span <= day <= today if node.op is Op.LAST_DAYS else today <= day <= today + span)


def holds_moment(node: Condition, known: dt.datetime) -> bool:
    if node.op is Op.FILLED:
        return True
    if isinstance(node.value, dt.date):
        midnight = dt.datetime.combine(node.value, dt.time(3), dt.UTC)  # 00:00 in São Paulo
        return known < midnight if node.op is Op.BEFORE else known >= midnight
    assert isinstance(node.value, int)
    return known >= NOW - node.value * DAY


PEOPLE = (
    Person("Ana Lima", "+5511987654321", "ana@example.com", "pt_BR", "", ("vip", "a"), 5, NOW - 3 * DAY, NOW - DAY, {"city": "Santos", "age": 30, "vip": True}),
    Person("", "+5521987654321", None, "en", "America/Recife", (), 0, NOW - 40 * DAY, None, {"city": "São Paulo", "age": 30.5, "bought": "2026-03-01"}),
    Person("Bia", None, "bia@example.com", "", "", ("a",), 1, NOW - 40 * DAY, NOW - 31 * DAY, {"city": "", "age": "30", "bought": "2026-03-17T08:00:00"}),
    Person("João Ana", "+5511900000000", None, "pt_BR", "", ("a", "b"), 2, MIDNIGHT, NOW, {"vip": False, "bought": "soon", "age": -1}),
    Person("x.y", "+5511900000001", "x@other.com", "", "", ("c",), 0, NOW - 8 * DAY, NOW - 7 * DAY, {"city": "a.b(c", "bought": "2025-12-31", "n": None}),
)  # fmt: skip


@pytest.fixture
def people(db: None) -> Client:
    client = Client.objects.create(name="Clínica", slug="clinica", time_zone="America/Sao_Paulo")
    other = Client.objects.create(name="Other", slug="other")
    for owner in (client, other):
        Contact.objects.bulk_create(
            Contact(
                client=owner,
                **{name: getattr(person, name) for name in Person.__dataclass_fields__ if name != "tags"},
                tags=list(person.tags),
            )
            for person in PEOPLE
        )
    return client


TEXTS = st.sampled_from(
    ["Ana", "ana", "pt_BR", "Santos", "São", "paulo", "+5511", ".com", "x.y", "a.b(c", "%", "_", "\\", '"', "$", "2026"]
)
DAYS = st.sampled_from([1, 3, 7, 8, 30, 31, 40])
DATES = st.sampled_from([dt.date(2026, 3, 1), dt.date(2026, 3, 17), dt.date(2025, 12, 31)])
TAGS = st.sampled_from(["vip", "a", "b", "none"])
NUMBERS = st.sampled_from([-1, 0, 1, 5, 30, 30.5])


def values_of(op: Op, kind: FieldKind) -> st.SearchStrategy[Any]:
    if op is Op.FILLED:
        return st.none()
    if kind is FieldKind.TAGS:
        return TAGS if op is Op.HAS else st.lists(TAGS, min_size=1, max_size=3, unique=True).map(tuple)
    if op is Op.ONE_OF:
        return st.lists(TEXTS, min_size=1, max_size=3, unique=True).map(tuple)
    if op in (Op.BEFORE, Op.SINCE):
        return DATES
    if op in (Op.LAST_DAYS, Op.NEXT_DAYS):
        return DAYS
    if op is Op.IS and kind is FieldKind.ATTRIBUTE:
        return TEXTS | NUMBERS | st.booleans()
    return NUMBERS if kind is FieldKind.NUMBER or op in (Op.AT_LEAST, Op.AT_MOST) else TEXTS


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    name = draw(
        st.sampled_from(
            ["name", "phone", "email", "language", "tags", "replies", "created_at", "last_inbound_at"]
            + [f"attributes.{key}" for key in ("city", "age", "vip", "bought", "n", "missing")]
        )
    )
    kind = Condition(name, Op.FILLED).kind
    ops = {
        FieldKind.TEXT: [Op.IS, Op.ONE_OF, Op.CONTAINS, Op.STARTS_WITH, Op.ENDS_WITH, Op.FILLED],
        FieldKind.NUMBER: [Op.IS, Op.AT_LEAST, Op.AT_MOST],
        FieldKind.MOMENT: [Op.LAST_DAYS, Op.BEFORE, Op.SINCE, Op.FILLED],
        FieldKind.TAGS: [Op.HAS, Op.HAS_ANY, Op.HAS_ALL, Op.FILLED],
        FieldKind.ATTRIBUTE: [op for op in Op if not op.startswith("has")],
    }[kind]
    op = draw(st.sampled_from(ops))
    return Condition(name, op, draw(values_of(op, kind)))


TREES = st.recursive(
    conditions(),
    lambda node: (
        st.lists(node, min_size=1, max_size=3).map(lambda parts: All(tuple(parts)))
        | st.lists(node, min_size=1, max_size=3).map(lambda parts: AnyOf(tuple(parts)))
        | node.map(Not)
    ),
    max_leaves=5,
)


@pytest.mark.django_db
def test_sql_means_what_the_tree_says(people: Client) -> None:
    order = list(Contact.objects.filter(client=people).order_by("id").values_list("pk", flat=True))

    @settings(max_examples=400)
    @given(TREES)
    def check(tree: Node) -> None:
        assert read_segment(write_segment(tree)) == tree
        found = set(contacts_matching(people, tree, NOW).values_list("pk", flat=True))
        assert found == {pk for pk, person in zip(order, PEOPLE, strict=True) if holds(tree, person)}

    check()


@pytest.mark.django_db
def test_usual_segments_and_numbers(people: Client) -> None:
    def names(tree: Node) -> list[str]:
        return [contact.phone or contact.email or "" for contact in segment_sample(people, tree, NOW) or ()]

    assert names(NEW_LAST_WEEK) == ["+5511987654321"]
    assert names(ENGAGED) == ["+5511900000001", "+5511900000000", "+5511987654321"]
    assert names(INACTIVE) == ["bia@example.com", "+5521987654321"]
    count = segment_count(people, All(), NOW)
    assert (count.number, count.exact) == (5, True)
